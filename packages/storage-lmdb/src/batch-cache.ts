import type { BodyBatch } from "./body-batch.ts";

/** The batches that were written or read last, so that a reader close behind does not go to LMDB. */
export class BatchCache {
  readonly #maximumBytes: number;
  readonly #batches = new Map<number, BodyBatch>();
  #bytes = 0;

  constructor(maximumBytes: number) {
    this.#maximumBytes = maximumBytes;
  }

  get(batchNumber: number): BodyBatch | undefined {
    const batch = this.#batches.get(batchNumber);
    if (batch === undefined) return undefined;
    this.#batches.delete(batchNumber);
    this.#batches.set(batchNumber, batch);
    return batch;
  }

  put(batchNumber: number, batch: BodyBatch): void {
    this.delete(batchNumber);
    this.#batches.set(batchNumber, batch);
    this.#bytes += batch.record.length;
    for (const oldest of this.#batches.keys()) {
      if (this.#bytes <= this.#maximumBytes) break;
      this.delete(oldest);
    }
  }

  delete(batchNumber: number): void {
    const batch = this.#batches.get(batchNumber);
    if (batch === undefined) return;
    this.#batches.delete(batchNumber);
    this.#bytes -= batch.record.length;
  }
}
