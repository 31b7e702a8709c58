/** Longer ranges are not remembered. */
const MAXIMUM_LENGTH = 256;

/** Larger memory holds one long packet, next to which the check costs nothing, and is not to be kept hold of. */
const MAXIMUM_MEMORY_BYTES = 1024 * 1024;

/**
 * Remembers the last range of bytes that was found good: the same bytes need no second check. They are compared
 * four at a time, as byte by byte it would cost as much as checking them.
 */
export class KnownBytes {
  readonly #known = new DataView(new ArrayBuffer(MAXIMUM_LENGTH));
  #length = 0;
  /** What `#words` shows: received packets follow each other in the same memory. */
  #bytes: Uint8Array = new Uint8Array(0);
  #words: DataView = this.#known;

  equals(bytes: Uint8Array, start: number, end: number): boolean {
    const length = this.#length;
    if (end - start !== length || bytes.length > MAXIMUM_MEMORY_BYTES) return false;
    const words = this.#wordsOf(bytes);
    const known = this.#known;
    let index = 0;
    for (; index + 4 <= length; index += 4) {
      if (words.getInt32(start + index) !== known.getInt32(index)) return false;
    }
    for (; index < length; index++) {
      if (words.getInt8(start + index) !== known.getInt8(index)) return false;
    }
    return true;
  }

  remember(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start;
    if (length > MAXIMUM_LENGTH || bytes.length > MAXIMUM_MEMORY_BYTES) return;
    const words = this.#wordsOf(bytes);
    const known = this.#known;
    let index = 0;
    for (; index + 4 <= length; index += 4) known.setInt32(index, words.getInt32(start + index));
    for (; index < length; index++) known.setInt8(index, words.getInt8(start + index));
    this.#length = length;
  }

  #wordsOf(bytes: Uint8Array): DataView {
    if (this.#bytes !== bytes) {
      this.#bytes = bytes;
      this.#words = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    }
    return this.#words;
  }
}
