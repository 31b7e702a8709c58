import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FrameReader } from "./frame-reader.ts";
import { writeVariableByteInteger } from "./variable-byte-integer.ts";

function frameOf(size: number): Uint8Array {
  const header = new Uint8Array(5);
  const headerSize = writeVariableByteInteger(header, 1, size);
  const frame = new Uint8Array(headerSize + size).fill(0x2a);
  frame.set(header.subarray(0, headerSize));
  frame[0] = 0x30;
  return frame;
}

function feed(reader: FrameReader, bytes: Uint8Array): number[] {
  reader.feed(bytes, 0, bytes.length);
  const sizes: number[] = [];
  while (reader.next()) sizes.push(reader.end - reader.bodyStart);
  return sizes;
}

describe("FrameReader", () => {
  test("shows whole packets in place, without a copy", () => {
    const reader = new FrameReader(100);
    const input = Uint8Array.of(0xaa, 0xc0, 0x00, 0x30, 0x02, 0x01, 0x02, 0xbb);
    reader.feed(input, 1, 7);
    expect(reader.next()).toBe(true);
    expect([reader.start, reader.bodyStart, reader.end]).toEqual([1, 3, 3]);
    expect(reader.next()).toBe(true);
    expect(reader.bytes).toBe(input);
    expect([reader.start, reader.bodyStart, reader.end]).toEqual([3, 5, 7]);
    expect(reader.next()).toBe(false);
    expect(reader.bufferedBytes).toBe(0);
  });

  test("may stop between two packets and go on later", () => {
    const reader = new FrameReader(100);
    reader.feed(Uint8Array.of(0xc0, 0x00, 0xd0, 0x00), 0, 4);
    expect(reader.next()).toBe(true);
    expect(() => reader.feed(new Uint8Array(1), 0, 1)).toThrow("not used up");
    expect(reader.next()).toBe(true);
    expect(reader.bytes[reader.start]).toBe(0xd0);
    expect(reader.next()).toBe(false);
  });

  test("gives the buffer of a completed packet away", () => {
    const reader = new FrameReader(100);
    const frame = frameOf(10);
    feed(reader, frame.subarray(0, 4));
    expect(reader.bufferedBytes).toBe(4);
    reader.feed(frame, 4, frame.length);
    expect(reader.next()).toBe(true);
    const { bytes, start, end } = reader;
    expect(bytes.subarray(start, end)).toEqual(frame);
    expect(reader.next()).toBe(false);
    feed(reader, frameOf(20).subarray(0, 6));
    expect(bytes.subarray(start, end)).toEqual(frame);
  });

  test("finds packets of all sizes in a stream split anywhere", () => {
    const size = fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 16_000, max: 70_000 }));
    const sizes = fc.array(size, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(
        sizes,
        fc.array(fc.integer({ min: 1, max: 30_000 }), { maxLength: 10 }),
        (expected, chunks) => {
          const reader = new FrameReader(100_000);
          const parts = expected.map(frameOf);
          const stream = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
          parts.reduce((offset, part) => {
            stream.set(part, offset);
            return offset + part.length;
          }, 0);
          const found: number[] = [];
          let offset = 0;
          for (const chunk of [...chunks, stream.length]) {
            const end = Math.min(stream.length, offset + chunk);
            found.push(...feed(reader, stream.subarray(offset, end)));
            offset = end;
          }
          expect(found).toEqual(expected);
        },
      ),
      { numRuns: 100 },
    );
  });

  test("ends exactly at the end when the last bytes fill a grown buffer", () => {
    const reader = new FrameReader(1_000_000);
    const frame = frameOf(200_000);
    for (let offset = 0; offset < frame.length - 1000; offset += 1000) {
      expect(feed(reader, frame.subarray(offset, offset + 1000))).toEqual([]);
    }
    const tail = frame.subarray(reader.bufferedBytes);
    reader.feed(tail, 0, tail.length);
    expect(reader.next()).toBe(true);
    expect(reader.bytes.length).toBe(frame.length);
    expect(reader.bytes).toEqual(frame);
  });

  test("gives no memory on a header's word", () => {
    const reader = new FrameReader(268_435_460);
    const header = Uint8Array.of(0x30, 0xff, 0xff, 0xff, 0x7f);
    const readers = Array.from({ length: 100 }, () => new FrameReader(268_435_460));
    for (const each of [reader, ...readers]) expect(feed(each, header)).toEqual([]);
    expect(heldMemory(reader)).toBeLessThanOrEqual(16_384);
    for (let index = 0; index < 100; index++) {
      feed(reader, new Uint8Array(1000));
      expect(heldMemory(reader)).toBeLessThanOrEqual(Math.max(16_384, 2 * reader.bufferedBytes));
    }
    expect(reader.bufferedBytes).toBe(100_005);
  });

  test.each([
    [[0x30, 0x80, 0x00], "is not in its shortest form"],
    [[0x30, 0xff, 0xff, 0xff, 0xff], "takes more than four bytes"],
    [[0x30, 0x80, 0x80, 0x80, 0x00], "is not in its shortest form"],
  ])("refuses the header %j [MQTT-1.5.5-1]", (header, message) => {
    const whole = new FrameReader(1000);
    expect(() => feed(whole, Uint8Array.from(header))).toThrow(message);
    const split = new FrameReader(1000);
    expect(() => {
      for (const byte of header) feed(split, Uint8Array.of(byte));
    }).toThrow(message);
  });

  test("refuses a packet over maximumPacketSize as soon as the header tells", () => {
    const reader = new FrameReader(102);
    expect(feed(reader, frameOf(100))).toEqual([100]);
    expect(() => feed(reader, Uint8Array.of(0x30, 101))).toThrow("a packet of 103 bytes");
    const split = new FrameReader(102);
    feed(split, Uint8Array.of(0x30));
    expect(() => feed(split, Uint8Array.of(101))).toThrow(expect.objectContaining({ reasonCode: 0x95 }));
  });

  test("takes a changed maximumPacketSize", () => {
    const reader = new FrameReader(10);
    reader.maximumPacketSize = 1000;
    expect(feed(reader, frameOf(500))).toEqual([500]);
  });
});

function heldMemory(reader: FrameReader): number {
  return (reader as unknown as { partial: Uint8Array }).partial.length;
}
