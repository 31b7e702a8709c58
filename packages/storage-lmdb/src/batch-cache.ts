import type { BodyBatch } from "./body-batch.ts";

/**
 * The batches that were read last, for readers that take a few messages at a time. Not those that were written:
 * LMDB has them in memory anyway, and kept here they would only become garbage that lives long.
 */
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
