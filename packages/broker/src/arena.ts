/**
 * Memory for bytes that live a short while: taken in order from one slab after the other, never freed by hand.
 * A slab lives as long as something refers to it, so what stays long is to be copied out.
 */
export class Arena {
  bytes: Uint8Array;
  #at = 0;
  readonly #slabBytes: number;

  constructor(slabBytes: number = 256 * 1024) {
    this.#slabBytes = slabBytes;
    this.bytes = Buffer.allocUnsafeSlow(slabBytes);
  }

  /** The offset in `bytes` (read it afterwards) of `length` fresh bytes. */
  reserve(length: number): number {
    if (this.#at + length > this.bytes.length) {
      this.bytes = Buffer.allocUnsafeSlow(Math.max(this.#slabBytes, length));
      this.#at = 0;
    }
    const offset = this.#at;
    this.#at += length;
    return offset;
  }
}

/** A copy on memory of its own, out of the small-object pool. */
export function copyOut(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const copy = Buffer.allocUnsafe(end - start);
  copyBytes(bytes, start, end, copy, 0);
  return copy;
}

/** Below this a loop beats the call into the runtime. */
const LOOP_BYTES = 24;

export function copyBytes(
  from: Uint8Array,
  start: number,
  end: number,
  to: Uint8Array,
  offset: number,
): void {
  if (end - start <= LOOP_BYTES) {
    for (let at = start, target = offset; at < end; ) to[target++] = from[at++]!;
  } else {
    Buffer.prototype.copy.call(from, to, offset, start, end);
  }
}
