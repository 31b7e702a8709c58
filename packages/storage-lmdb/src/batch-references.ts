const chunkBits = 8;
const chunkSize = 1 << chunkBits;

/** How many inbox runs refer to each batch of bodies: 4 bytes each, for there may be millions. */
export class BatchReferences {
  readonly #chunks = new Map<number, Uint32Array>();

  count(batchNumber: number): number {
    return this.#chunks.get(Math.floor(batchNumber / chunkSize))?.[batchNumber % chunkSize] ?? 0;
  }

  add(batchNumber: number, references: number): void {
    const index = Math.floor(batchNumber / chunkSize);
    let chunk = this.#chunks.get(index);
    if (chunk === undefined) {
      chunk = new Uint32Array(chunkSize);
      this.#chunks.set(index, chunk);
    }
    const count = (chunk[batchNumber % chunkSize] ?? 0) + references;
    chunk[batchNumber % chunkSize] = count;
    if (count === 0 && chunk.every((other) => other === 0)) this.#chunks.delete(index);
  }

  *batchNumbers(): Iterable<number> {
    for (const [index, chunk] of this.#chunks) {
      for (const [offset, count] of chunk.entries()) {
        if (count > 0) yield index * chunkSize + offset;
      }
    }
  }
}
