import { expect, test } from "vitest";
import { Arena } from "./arena.ts";

const SLAB_BYTES = 64;

/** Takes `length` bytes and fills them; returns where they are. */
function take(arena: Arena, length: number, content: number): Uint8Array {
  const offset = arena.reserve(length);
  arena.bytes.fill(content, offset, offset + length);
  return arena.bytes.subarray(offset, offset + length);
}

test("the slabs of a turn are filled again in the next one", () => {
  const arena = new Arena(SLAB_BYTES);
  const buffers = new Set<ArrayBufferLike>();
  for (let turn = 0; turn < 10; turn++) {
    for (let index = 0; index < 5; index++) buffers.add(take(arena, 40, index).buffer);
    arena.endTurn();
  }
  expect(buffers.size).toBe(5);
});

test("what is held stays, whatever follows", () => {
  const arena = new Arena(SLAB_BYTES);
  const held: { bytes: Uint8Array; content: number }[] = [];
  for (let turn = 0; turn < 50; turn++) {
    for (let index = 0; index < 5; index++) {
      // Also one that is larger than a slab.
      const bytes = take(arena, index === 3 ? 100 : 30, turn);
      if ((turn + index) % 3 !== 0) continue;
      arena.hold(arena.bytes);
      held.push({ bytes, content: turn });
    }
    arena.endTurn();
  }
  for (const { bytes, content } of held) expect(bytes.every((byte) => byte === content)).toBe(true);
});

test("the rest of a slab that is held serves the next turns", () => {
  const arena = new Arena(SLAB_BYTES);
  const buffers = new Set<ArrayBufferLike>();
  for (let turn = 0; turn < 64; turn++) {
    buffers.add(take(arena, 1, turn).buffer);
    arena.hold(arena.bytes);
    arena.endTurn();
  }
  expect(buffers.size).toBe(1);
});

test("a turn that has not ended for all leaves its slabs alone", () => {
  const arena = new Arena(SLAB_BYTES);
  const first = take(arena, SLAB_BYTES, 1);
  const second = take(arena, SLAB_BYTES, 2);
  arena.holdAll();
  arena.endTurn();
  for (let index = 0; index < 10; index++) take(arena, SLAB_BYTES, 3);
  expect([first[0], second[0]]).toEqual([1, 2]);
});
