/** Random choices that a seed repeats exactly. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
    // Seeds that stand side by side begin alike.
    this.below(2);
  }

  /** An integer in [0, bound). */
  below(bound: number): number {
    // Mulberry32, by Tommy Ettinger, public domain.
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * bound);
  }

  chance(times: number, outOf: number): boolean {
    return this.below(outOf) < times;
  }

  pick<T>(choices: readonly [T, ...T[]]): T {
    return choices[this.below(choices.length)] as T;
  }
}
