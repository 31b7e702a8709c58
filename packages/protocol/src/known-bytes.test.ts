import { expect, test } from "vitest";
import { KnownBytes } from "./known-bytes.ts";

test("knows the last range remembered, wherever it lies, and no other", () => {
  const known = new KnownBytes();
  for (const length of [1, 3, 4, 7, 45, 256]) {
    const bytes = Uint8Array.from({ length }, (_, index) => index * 7 + length);
    expect(known.equals(bytes, 0, length)).toBe(false);
    known.remember(bytes, 0, length);
    expect(known.equals(bytes, 0, length)).toBe(true);
    const elsewhere = new Uint8Array(new ArrayBuffer(length + 20), 5, length + 10);
    elsewhere.set(bytes, 3);
    expect(known.equals(elsewhere, 3, 3 + length)).toBe(true);
    expect(known.equals(elsewhere, 2, 3 + length)).toBe(false);
    for (let index = 0; index < length; index++) {
      elsewhere[3 + index]! ^= 0x80;
      expect(known.equals(elsewhere, 3, 3 + length)).toBe(false);
      elsewhere[3 + index]! ^= 0x80;
    }
  }
});

test("remembers neither a long range nor large memory", () => {
  const known = new KnownBytes();
  known.remember(new Uint8Array(257), 0, 257);
  expect(known.equals(new Uint8Array(257), 0, 257)).toBe(false);
  const large = new Uint8Array(1024 * 1024 + 1);
  known.remember(large, 0, 8);
  expect(known.equals(large, 0, 8)).toBe(false);
  known.remember(new Uint8Array(8), 0, 8);
  expect(known.equals(new Uint8Array(8), 0, 8)).toBe(true);
  expect(known.equals(large, 0, 8)).toBe(false);
});
