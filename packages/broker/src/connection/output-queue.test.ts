import { createMemoryListener } from "@dunlin/test-kit";
import fc from "fast-check";
import { expect, test } from "vitest";
import { Arena } from "../arena.ts";
import type { ByteStream } from "../ports/byte-stream.ts";
import { ChunkPool, OutputQueue } from "./output-queue.ts";

/** A stream that may hold on to what it is given; it looks at the bytes only when they leave. */
class BlockingStream implements ByteStream {
  readonly origin = { transport: "memory", remoteAddress: "", remotePort: 0 } as const;
  readonly listener = createMemoryListener();
  state: "quick" | "slow" = "quick";
  readonly written: Buffer[] = [];
  #held: Uint8Array[] = [];

  write(bytes: Uint8Array, start: number, end: number): boolean {
    this.#held.push(bytes.subarray(start, end));
    if (this.state === "quick" && this.#held.length === 1) this.leave();
    return this.#held.length === 0;
  }
  leave(): void {
    for (const bytes of this.#held.splice(0)) this.written.push(Buffer.from(bytes));
  }
  get writableLength(): number {
    return this.#held.reduce((sum, bytes) => sum + bytes.length, 0);
  }
  start(): void {}
  pause(): void {}
  resume(): void {}
  end(): void {}
  destroy(): void {}
}

const ARENA_BYTES = 1024 * 1024;

/** A queue, what has been put into it, and what came out. */
class Subject {
  readonly stream = new BlockingStream();
  readonly queue: OutputQueue;
  readonly expected: Buffer[] = [];

  constructor(pool: ChunkPool) {
    this.queue = new OutputQueue(this.stream, pool);
  }

  append(bytes: Uint8Array, start: number, end: number): void {
    this.expected.push(Buffer.from(bytes.subarray(start, end)));
    this.queue.append(bytes, start, end);
  }

  reserve(length: number, content: number): void {
    const offset = this.queue.reserve(length);
    this.queue.chunk.fill(content, offset, offset + length);
    this.expected.push(Buffer.alloc(length, content));
  }

  drain(): void {
    if (this.stream.writableLength === 0) return;
    this.stream.leave();
    this.queue.onDrained();
  }

  get unsent(): number {
    const out = this.stream.written.reduce((sum, { length }) => sum + length, 0);
    return this.expected.reduce((sum, { length }) => sum + length, 0) - out;
  }
}

const which = fc.nat(1);
const size = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 8192 }));
const step = fc.oneof(
  // With a gap of 0 the range follows the one before in memory.
  fc.record({
    kind: fc.constant("append" as const),
    which,
    size: fc.oneof(size, fc.integer({ min: 8000, max: 30_000 })),
    gap: fc.constantFrom(0, 0, 1),
  }),
  fc.record({ kind: fc.constant("reserve" as const), which, size, content: fc.nat(255) }),
  fc.record({
    kind: fc.constantFrom("flush" as const, "drain" as const, "slow" as const, "quick" as const),
    which,
  }),
);

test("what comes out is what went in, through streams that block now and then", () => {
  const arena = Buffer.from(Array.from({ length: ARENA_BYTES }, (_, index) => (index * 31) ^ (index >> 8)));
  const before = Buffer.from(arena);
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: "max" }), (steps) => {
      const pool = new ChunkPool(new Arena());
      const subjects = [new Subject(pool), new Subject(pool)];
      let at = 0;
      for (const each of steps) {
        const subject = subjects[each.which]!;
        if (each.kind === "append") {
          at = at + each.gap + each.size > ARENA_BYTES ? 0 : at + each.gap;
          subject.append(arena, at, at + each.size);
          at += each.size;
        } else if (each.kind === "reserve") subject.reserve(each.size, each.content);
        else if (each.kind === "flush") subject.queue.flush();
        else if (each.kind === "drain") subject.drain();
        else subject.stream.state = each.kind;
        expect(subject.queue.pendingBytes).toBe(subject.unsent);
      }
      for (const subject of subjects) {
        subject.queue.finish();
        subject.stream.leave();
        expect(Buffer.concat(subject.stream.written).equals(Buffer.concat(subject.expected))).toBe(true);
      }
    }),
    { numRuns: 150 },
  );
  expect(arena.equals(before)).toBe(true);
});

test("a burst that lies in one piece is written as it is, without a copy", () => {
  const stream = new BlockingStream();
  stream.state = "slow";
  const queue = new OutputQueue(stream, new ChunkPool(new Arena()));
  const arena = Buffer.from("abcdef");
  queue.append(arena, 0, 2);
  queue.append(arena, 2, 6);
  queue.flush();
  arena.write("ABCDEF");
  stream.leave();
  expect(stream.written.map(String)).toEqual(["ABCDEF"]);
});

test("discard gives up what has not been written", () => {
  const stream = new BlockingStream();
  const queue = new OutputQueue(stream, new ChunkPool(new Arena()));
  queue.reserve(3);
  queue.append(Buffer.from("x"), 0, 1);
  queue.discard();
  expect(queue.pendingBytes).toBe(0);
  queue.finish();
  expect(stream.written).toEqual([]);
});

test("the arena does not use again what the stream still holds", () => {
  const arena = new Arena();
  const stream = new BlockingStream();
  stream.state = "slow";
  const queue = new OutputQueue(stream, new ChunkPool(arena));
  const length = 100_000;
  const fill = (content: number): number => {
    const offset = arena.reserve(length);
    arena.bytes.fill(content, offset, offset + length);
    return offset;
  };
  const offset = fill(1);
  queue.append(arena.bytes, offset, offset + length);
  queue.flush();
  arena.endTurn();
  for (let turn = 0; turn < 10; turn++) {
    fill(2);
    arena.endTurn();
  }
  stream.leave();
  expect(stream.written[0]?.every((byte) => byte === 1)).toBe(true);
});
