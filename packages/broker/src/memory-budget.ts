/** Counts the bytes that queues, output buffers, unfinished packets and pending commits hold together. */
export class MemoryBudget {
  readonly limitBytes: number;
  #usedBytes = 0;

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  get exhausted(): boolean {
    return this.#usedBytes > this.limitBytes;
  }

  /** `bytes` more are held; negative: fewer. */
  add(bytes: number): void {
    this.#usedBytes += bytes;
  }
}
