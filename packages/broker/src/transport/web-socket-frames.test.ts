import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  CloseCode,
  frameHeader,
  Opcode,
  WebSocketFrames,
  type WebSocketViolation,
} from "./web-socket-frames.ts";

const MASK_BIT = 0x80;
const FIN = 0x80;
const KEY = [0x12, 0x34, 0x56, 0x78];

/** As a client sends it: masked. */
function frame(opcode: Opcode, payload: Uint8Array, isFinal = true): number[] {
  const header = [...frameHeader(opcode, payload.length)];
  header[0] = (isFinal ? FIN : 0) | opcode;
  header[1] = header[1]! | MASK_BIT;
  return [...header, ...KEY, ...payload.map((byte, index) => byte ^ KEY[index & 3]!)];
}

interface Unpacked {
  readonly data: number[];
  readonly pings: number[][];
  readonly closed: boolean;
  readonly violation: WebSocketViolation | undefined;
}

/** `cuts`: sizes of the pieces, over and over. */
function unpack(bytes: readonly number[], cuts: readonly number[] = [bytes.length]): Unpacked {
  const pings: number[][] = [];
  const frames = new WebSocketFrames({ onPing: (payload) => pings.push([...payload]) });
  const data: number[] = [];
  for (let at = 0, cut = 0; at < bytes.length; cut++) {
    const end = at + cuts[cut % cuts.length]!;
    // Not at the buffer's beginning, as a read may be.
    const piece = Uint8Array.of(0xaa, ...bytes.slice(at, end));
    data.push(...piece.subarray(1, frames.unpack(piece, 1, piece.length)));
    at = end;
  }
  return { data, pings, closed: frames.closed, violation: frames.violation };
}

const arbitraryPayload = fc.oneof(
  fc.uint8Array({ maxLength: 20 }),
  fc.integer({ min: 120, max: 130 }).map((length) => new Uint8Array(length).fill(7)),
  fc.constant(new Uint8Array(70_000).fill(9)),
);

/** A message in fragments, with pings between them. */
const arbitraryMessage = fc.record({
  fragments: fc.array(arbitraryPayload, { minLength: 1, maxLength: 4 }),
  ping: fc.option(fc.uint8Array({ maxLength: 125 })),
});

test("any frames, split anywhere, give the data that went in", () => {
  fc.assert(
    fc.property(
      fc.array(arbitraryMessage, { maxLength: 4 }),
      fc.array(fc.integer({ min: 1, max: 40_000 }), { minLength: 1, maxLength: 5 }),
      (messages, cuts) => {
        const bytes: number[] = [];
        for (const { fragments, ping } of messages) {
          for (const [index, fragment] of fragments.entries()) {
            const opcode = index === 0 ? Opcode.Binary : Opcode.Continuation;
            for (const byte of frame(opcode, fragment, index === fragments.length - 1)) bytes.push(byte);
            if (ping !== null && index === 0) bytes.push(...frame(Opcode.Ping, ping));
          }
        }
        const { data, pings, closed } = unpack(bytes, cuts);
        expect(Buffer.from(data).equals(Buffer.concat(messages.flatMap(({ fragments }) => fragments)))).toBe(
          true,
        );
        expect(pings).toEqual(messages.flatMap(({ ping }) => (ping === null ? [] : [[...ping]])));
        expect(closed).toBe(false);
      },
    ),
    { numRuns: 60 },
  );
});

test("split at every byte", () => {
  const bytes = [
    ...frame(Opcode.Binary, Uint8Array.of(1, 2, 3)),
    ...frame(Opcode.Binary, new Uint8Array(300).fill(5)),
  ];
  expect(unpack(bytes, [1]).data).toEqual([1, 2, 3, ...new Array<number>(300).fill(5)]);
});

test("what follows a close is not looked at", () => {
  const closes = [[], [0x03, 0xe8], [0x03, 0xf6], [0x0b, 0xb8], [0x13, 0x87, ...Buffer.from("good-bye ☂")]];
  for (const close of closes) {
    const bytes = [
      ...frame(Opcode.Binary, Uint8Array.of(1)),
      ...frame(Opcode.Close, Uint8Array.from(close)),
      ...frame(Opcode.Text, Uint8Array.of(2)),
    ];
    expect(unpack(bytes)).toEqual({ data: [1], pings: [], closed: true, violation: undefined });
  }
});

test("what came before a violation is data, what follows is not looked at", () => {
  const bytes = [
    ...frame(Opcode.Binary, Uint8Array.of(1, 2)),
    ...frame(Opcode.Text, Uint8Array.of(3)),
    ...frame(Opcode.Binary, Uint8Array.of(4)),
  ];
  for (const cuts of [[bytes.length], [1]]) {
    const { data, violation } = unpack(bytes, cuts);
    expect(data).toEqual([1, 2]);
    expect(violation?.closeCode).toBe(CloseCode.UnsupportedData);
  }
});

describe("refuses", () => {
  const empty = new Uint8Array(0);
  const unmasked = [FIN | Opcode.Binary, 0];
  const reserved = frame(Opcode.Binary, empty);
  reserved[0] = reserved[0]! | 0x40;
  const tooLong = [FIN | Opcode.Ping, MASK_BIT | 126, 0, 126, ...KEY];
  const overflow = [FIN | Opcode.Binary, MASK_BIT | 127, 0, 0x20, 0, 0, 0, 0, 0, 0, ...KEY];
  const close = (...payload: number[]): number[] => frame(Opcode.Close, Uint8Array.from(payload));
  const violations: [string, number[], CloseCode][] = [
    ["text", frame(Opcode.Text, empty), CloseCode.UnsupportedData],
    ["a frame that is not masked", unmasked, CloseCode.ProtocolError],
    ["a reserved bit, as of compression", reserved, CloseCode.ProtocolError],
    ["an unknown opcode", frame(0x3 as Opcode, empty), CloseCode.ProtocolError],
    ["a continuation of nothing", frame(Opcode.Continuation, empty), CloseCode.ProtocolError],
    [
      "a message within a message",
      [...frame(Opcode.Binary, empty, false), ...frame(Opcode.Binary, empty)],
      CloseCode.ProtocolError,
    ],
    ["a ping in fragments", frame(Opcode.Ping, empty, false), CloseCode.ProtocolError],
    ["a ping that is too long", tooLong, CloseCode.ProtocolError],
    ["a frame of 2^53 bytes", overflow, CloseCode.MessageTooBig],
    ["a close of half a code", close(0x03), CloseCode.ProtocolError],
    ["a close with a code below 1000", close(0x03, 0xe7), CloseCode.ProtocolError],
    ["a close with a code that is never sent", close(0x03, 0xee), CloseCode.ProtocolError],
    ["a close with a code of nobody", close(0x07, 0xd0), CloseCode.ProtocolError],
    ["a close with a code over 4999", close(0x13, 0x88), CloseCode.ProtocolError],
    ["a close with a reason that is not UTF-8", close(0x03, 0xe8, 0xc0, 0x80), CloseCode.InvalidPayload],
  ];
  test.each(violations)("%s", (_what, bytes, closeCode) => {
    const { closed, violation } = unpack(bytes, [1]);
    expect(closed).toBe(true);
    expect(violation?.closeCode).toBe(closeCode);
  });
});
