import { type Arena, copyBytes, FILLED_ONCE_BYTES } from "../arena.ts";
import type { MemoryBudget } from "../memory-budget.ts";
import type { ByteStream } from "../ports/byte-stream.ts";

/** A chunk grows in these steps: most connections get a packet or two a turn, some a flood. */
const CHUNK_BYTES = [512, 8 * 1024, 64 * 1024] as const;
const LARGEST_CHUNK_BYTES = CHUNK_BYTES[2];
/** From this size on, bytes are written from where they are instead of being copied. */
const REFERENCE_BYTES = 8 * 1024;
/** Bytes of chunks that are kept for the next turn, of each size. */
const POOLED_BYTES = 8 * 1024 * 1024;

const NONE: Uint8Array[] = [];

/** Chunks that connections borrow from the first packet of a turn until they are written; shared by all. */
export class ChunkPool {
  /** Where most ranges lie. */
  readonly arena: Arena;
  readonly #free: Uint8Array[][] = CHUNK_BYTES.map(() => []);

  constructor(arena: Arena) {
    this.arena = arena;
  }

  /** One that holds `length` bytes, or the largest. */
  take(length: number): Uint8Array {
    const size = length <= CHUNK_BYTES[0] ? 0 : length <= CHUNK_BYTES[1] ? 1 : 2;
    return this.#free[size]!.pop() ?? Buffer.allocUnsafeSlow(CHUNK_BYTES[size]!);
  }

  give(chunk: Uint8Array): void {
    const free = this.#free[CHUNK_BYTES.indexOf(chunk.length as 512)]!;
    if (free.length * chunk.length < POOLED_BYTES) free.push(chunk);
  }
}

/**
 * Gathers what a connection sends in one turn of the event loop and writes it at once. Ranges that follow each
 * other in memory are one range: a burst that goes from one client to another unchanged is never copied.
 */
export class OutputQueue {
  readonly #stream: ByteStream;
  readonly #pool: ChunkPool;
  readonly #memory: MemoryBudget | null;
  /** Memory that the stream holds on to, and that is counted where all who hold it are. */
  #shared: Uint8Array[] = NONE;
  #sharedBytes = 0;
  #chunk: Uint8Array | null = null;
  #length = 0;
  /** Behind what is in the chunk; not yet copied. */
  #range: Uint8Array | null = null;
  #rangeStart = 0;
  #rangeEnd = 0;
  /** Bytes given to the stream; whoever counts them sets it back. */
  writtenBytes = 0;
  /** The stream still holds bytes: it takes more only in whole chunks until it has drained. */
  #blocked = false;

  /** `memory`: where the stream holds on to what it is given, and does not make bytes of its own of it. */
  constructor(stream: ByteStream, pool: ChunkPool, memory: MemoryBudget | null = null) {
    this.#stream = stream;
    this.#pool = pool;
    this.#memory = memory;
  }

  /** Bytes that have not left. */
  get pendingBytes(): number {
    const here = this.#length + this.#rangeEnd - this.#rangeStart;
    return this.#blocked ? here + this.#stream.writableLength : here;
  }

  /** Of these, bytes that others may hold as well: counted already. */
  get sharedBytes(): number {
    return Math.min(this.#sharedBytes, this.pendingBytes);
  }

  /** `bytes[start, end)` must stay unchanged until written; those of the arena until `flush`. */
  append(bytes: Uint8Array, start: number, end: number): void {
    if (this.#range === bytes && this.#rangeEnd === start) {
      this.#rangeEnd = end;
      return;
    }
    if (this.#range !== null) this.#takeRange();
    this.#range = bytes;
    this.#rangeStart = start;
    this.#rangeEnd = end;
  }

  /** Makes room for `length` bytes (a few kilobytes at most) in `chunk` at the returned offset; the caller writes them there at once. */
  reserve(length: number): number {
    if (this.#range !== null) this.#takeRange();
    this.#ensure(length);
    const offset = this.#length;
    this.#length += length;
    return offset;
  }

  /** Where `reserve` made room. */
  get chunk(): Uint8Array {
    return this.#chunk!;
  }

  /** Writes what has been gathered, unless the stream is still busy with what came before. */
  flush(): void {
    if (this.#blocked) {
      // What stays long must not hold on to the arena.
      if (this.#range !== null) this.#takeRange();
      return;
    }
    if (this.#chunk === null && this.#range !== null) this.#writeRange();
    else {
      if (this.#range !== null) this.#takeRange();
      this.#writeChunk();
    }
  }

  onDrained(): void {
    this.#blocked = false;
    this.#letGo();
    this.flush();
  }

  /** The last flush: hands everything to the stream, busy or not. */
  finish(): void {
    this.#letGo();
    if (this.#range !== null) this.#takeRange();
    this.#writeChunk();
  }

  /** Gives back what is held; nothing is sent any more. */
  discard(): void {
    this.#letGo();
    if (this.#chunk !== null) this.#pool.give(this.#chunk);
    this.#chunk = this.#range = null;
    this.#length = this.#rangeStart = this.#rangeEnd = 0;
  }

  #takeRange(): void {
    const range = this.#range!;
    const start = this.#rangeStart;
    const length = this.#rangeEnd - start;
    // What waits for long must not hold on to much more than itself: to the arena's slab that it is a part of.
    if (length >= (this.#blocked ? LARGEST_CHUNK_BYTES : REFERENCE_BYTES)) {
      this.#writeChunk();
      this.#writeRange();
      return;
    }
    this.#ensure(length);
    copyBytes(range, start, this.#rangeEnd, this.#chunk!, this.#length);
    this.#length += length;
    this.#clearRange();
  }

  #ensure(length: number): void {
    const chunk = this.#chunk;
    if (chunk === null) {
      this.#chunk = this.#pool.take(length);
    } else if (this.#length + length > chunk.length) {
      const needed = this.#length + length;
      if (needed > LARGEST_CHUNK_BYTES) {
        this.#writeChunk();
        this.#chunk = this.#pool.take(length);
      } else {
        this.#chunk = this.#pool.take(needed);
        copyBytes(chunk, 0, this.#length, this.#chunk, 0);
        this.#pool.give(chunk);
      }
    }
  }

  #writeRange(): void {
    const range = this.#range!;
    this.writtenBytes += this.#rangeEnd - this.#rangeStart;
    if (!this.#stream.write(range, this.#rangeStart, this.#rangeEnd)) {
      this.#blocked = true;
      this.#pool.arena.hold(range);
      this.#share(range, this.#rangeEnd - this.#rangeStart);
    }
    this.#clearRange();
  }

  #share(range: Uint8Array, length: number): void {
    // Only memory that all of them send from as it is.
    if (this.#memory === null || length < FILLED_ONCE_BYTES) return;
    this.#memory.hold(range);
    this.#shared = [...this.#shared, range];
    this.#sharedBytes += length;
  }

  #letGo(): void {
    for (const memory of this.#shared) this.#memory?.letGo(memory);
    this.#shared = NONE;
    this.#sharedBytes = 0;
  }

  #writeChunk(): void {
    const chunk = this.#chunk;
    if (chunk === null) return;
    this.#chunk = null;
    this.writtenBytes += this.#length;
    if (this.#stream.write(chunk, 0, this.#length)) this.#pool.give(chunk);
    else this.#blocked = true;
    this.#length = 0;
  }

  #clearRange(): void {
    this.#range = null;
    this.#rangeStart = this.#rangeEnd = 0;
  }
}
