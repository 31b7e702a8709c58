/** A payload of this size lies in memory that is filled once: slabs, and what commit groups fill again, are too small for it. */
export const FILLED_ONCE_BYTES: number = 1024 * 1024;

/** Slabs that are kept to be filled again. */
const FREE_SLABS = 32;
/** A turn in which every connection reads its fill would take many times what is kept. */
const FULL_SLABS = 4;
/** Slabs filled beyond these are left to the garbage collector. */
const MAXIMUM_SLABS = 64;

/**
 * Memory for bytes that live as long as a turn of the event loop: what is received, and what is encoded to be sent.
 * Taken in order from one slab after the other; when the turn has ended the same slabs are filled again. Whoever
 * needs bytes for longer says so with `hold`, or copies them out: a slab that is held is never used again, and
 * lives for as long as something refers to it.
 */
export class Arena {
  bytes: Uint8Array;
  #at = 0;
  readonly #slabBytes: number;
  readonly #free: Uint8Array[] = [];
  /** Slabs of this turn that nobody holds. */
  readonly #used: Uint8Array[];

  constructor(slabBytes: number = 256 * 1024) {
    this.#slabBytes = slabBytes;
    this.bytes = Buffer.allocUnsafeSlow(slabBytes);
    this.#used = [this.bytes];
  }

  /** The offset in `bytes` (read it afterwards) of `length` fresh bytes. */
  reserve(length: number): number {
    if (this.#at + length > this.bytes.length) this.#next(length);
    const offset = this.#at;
    this.#at += length;
    return offset;
  }

  /** Time to send what has been gathered, though the turn has not ended. */
  get full(): boolean {
    return this.#used.length > FULL_SLABS;
  }

  /** `bytes` stay as they are beyond this turn. */
  hold(bytes: Uint8Array): void {
    const index = this.#used.lastIndexOf(bytes);
    if (index >= 0) this.#used.splice(index, 1);
  }

  /** All that was to be sent has left or is held. */
  endTurn(): void {
    const first = this.#used[0];
    // What is being filled is held: the rest of it serves the next turn.
    if (first === undefined) return;
    while (this.#used.length > 1) {
      const slab = this.#used.pop()!;
      if (this.#free.length < FREE_SLABS) this.#free.push(slab);
    }
    this.bytes = first;
    this.#at = 0;
  }

  /** The turn has ended, but something may still have to be sent. */
  holdAll(): void {
    this.#used.length = 0;
  }

  #next(length: number): void {
    this.#at = 0;
    if (length > this.#slabBytes) {
      this.bytes = Buffer.allocUnsafeSlow(length);
      return;
    }
    this.bytes = this.#free.pop() ?? Buffer.allocUnsafeSlow(this.#slabBytes);
    if (this.#used.length === MAXIMUM_SLABS) this.#used.length = 0;
    this.#used.push(this.bytes);
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
