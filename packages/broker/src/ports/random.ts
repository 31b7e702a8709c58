export interface Random {
  /** An integer in [0, bound). */
  below(bound: number): number;
  /** `length` hexadecimal digits, hard to guess. */
  hex(length: number): string;
}
