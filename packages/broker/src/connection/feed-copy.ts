import type { FrameReader } from "@dunlin/protocol";
import { type Arena, copyBytes } from "../arena.ts";

/** The beginning of a packet that is longer than this is not copied once more to join the rest. */
const LARGEST_JOINED_BYTES = 64 * 1024;

/**
 * Copies what was read to the arena, where it stays, and feeds it to the reader. A packet whose beginning came
 * before and that is complete now joins its neighbours, so that all can go on as one range.
 */
export function feedCopy(
  reader: FrameReader,
  arena: Arena,
  bytes: Uint8Array,
  start: number,
  end: number,
): void {
  const length = end - start;
  const missing = reader.missingBytes;
  const held = missing > 0 && missing <= length ? reader.bufferedBytes : 0;
  const joins = held > 0 && held <= LARGEST_JOINED_BYTES;
  const at = arena.reserve(joins ? held + length : length);
  const chunkAt = joins ? at + held : at;
  if (joins) reader.moveHeldTo(arena.bytes, at);
  copyBytes(bytes, start, end, arena.bytes, chunkAt);
  reader.feed(arena.bytes, at, chunkAt + length);
}
