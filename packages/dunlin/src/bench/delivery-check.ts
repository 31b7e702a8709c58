/** Gaps that are remembered per stream, to tell a message that is late from one that comes twice. */
const REMEMBERED_GAPS = 10_000;

export const Arrival = { InOrder: 0, Late: 1, Duplicate: 2 } as const;
export type Arrival = (typeof Arrival)[keyof typeof Arrival];

/** Follows the sequence numbers of several streams, each of which should arrive as 0, 1, 2 and so on. */
export class DeliveryCheck {
  readonly #next: Uint32Array;
  readonly #gaps = new Map<number, Set<number>>();
  /** Messages that should have come before others that have. */
  missing = 0;

  constructor(streams: number) {
    this.#next = new Uint32Array(streams);
  }

  /** The stream is followed from `sequence` on. */
  begin(stream: number, sequence: number): void {
    this.#next[stream] = sequence;
    this.#gaps.delete(stream);
  }

  arrive(stream: number, sequence: number): Arrival {
    const expected = this.#next[stream]!;
    if (sequence === expected) {
      this.#next[stream] = expected + 1;
      return Arrival.InOrder;
    }
    return sequence > expected ? this.#skip(stream, expected, sequence) : this.#comeLate(stream, sequence);
  }

  #skip(stream: number, expected: number, sequence: number): Arrival {
    const gaps = this.#gaps.get(stream) ?? new Set();
    this.#gaps.set(stream, gaps);
    for (let missing = expected; missing < sequence && gaps.size < REMEMBERED_GAPS; missing++)
      gaps.add(missing);
    this.missing += sequence - expected;
    this.#next[stream] = sequence + 1;
    return Arrival.InOrder;
  }

  #comeLate(stream: number, sequence: number): Arrival {
    if (this.#gaps.get(stream)?.delete(sequence) !== true) return Arrival.Duplicate;
    this.missing--;
    return Arrival.Late;
  }
}
