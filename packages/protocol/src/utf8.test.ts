import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeUtf8, encodeUtf8, textProblem, utf8Length, validateUtf8, writeUtf8 } from "./utf8.ts";

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function isValidByRuntime(bytes: Uint8Array): boolean {
  try {
    return !strict.decode(bytes).includes("\0");
  } catch {
    return false;
  }
}

/** Bytes near the borders of the well-formed sequences, so that long ones come about. */
const trickyByte = fc.constantFrom(
  ...[0x00, 0x01, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf],
  ...[0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff],
);

describe("validateUtf8", () => {
  test.each([
    fc.uint8Array({ maxLength: 12 }),
    fc.array(trickyByte, { maxLength: 8 }).map((bytes) => Uint8Array.from(bytes)),
  ])("agrees with TextDecoder and refuses U+0000", (arbitraryBytes) => {
    fc.assert(
      fc.property(arbitraryBytes, (bytes) => {
        expect(validateUtf8(bytes, 0, bytes.length) === -1).toBe(isValidByRuntime(bytes));
      }),
      { numRuns: 5000 },
    );
  });

  test("agrees with TextDecoder on every sequence of two bytes and a bit more", () => {
    const bytes = new Uint8Array(4);
    let different = 0;
    for (let lead = 0; lead < 256; lead++) {
      for (let second = 0; second < 256; second++) {
        bytes.set([lead, second, 0x80, 0x80]);
        for (let length = 1; length <= 4; length++) {
          const part = bytes.subarray(0, length);
          if ((validateUtf8(part, 0, length) === -1) !== isValidByRuntime(part)) different++;
        }
      }
    }
    expect(different).toBe(0);
  });

  test.each([
    ["a continuation alone", [0x61, 0x80], 1],
    ["an overlong slash", [0x61, 0x62, 0xc0, 0xaf], 2],
    ["a surrogate", [0xed, 0xa0, 0x80], 0],
    ["a value over U+10FFFF", [0x61, 0xf4, 0x90, 0x80, 0x80], 1],
    ["a sequence cut short", [0x61, 0xe2, 0x82], 1],
    ["the null character", [0x61, 0x62, 0x00], 2],
  ])("tells where %s stands", (_, bytes, offset) => {
    expect(validateUtf8(Uint8Array.from(bytes), 0, bytes.length)).toBe(offset);
  });

  test("does not read past the end", () => {
    expect(validateUtf8(Uint8Array.from([0x61, 0xc3, 0xa4]), 0, 2)).toBe(1);
  });
});

describe("decodeUtf8 and encodeUtf8", () => {
  test("give the text again", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const bytes = encodeUtf8(text);
        expect(decodeUtf8(bytes, 0, bytes.length)).toBe(text);
        expect(utf8Length(text)).toBe(bytes.length);
        const target = new Uint8Array(bytes.length + 3);
        expect(writeUtf8(target, 2, text)).toBe(2 + bytes.length);
        expect(target.subarray(2, 2 + bytes.length)).toEqual(bytes);
      }),
    );
  });

  test("keep a byte order mark [MQTT-1.5.4-3]", () => {
    expect(decodeUtf8(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61), 0, 4)).toBe("\ufeffa");
  });

  test("count an unpaired surrogate as it is encoded", () => {
    for (const text of ["\ud800", "\udc00x", "\udc00\ud800", "a\ud83d", "\u0fff\udc00", "\udc00\udc00"]) {
      expect(utf8Length(text)).toBe(encodeUtf8(text).length);
    }
  });
});

test("textProblem finds what a UTF-8 Encoded String cannot hold", () => {
  expect(textProblem("\u{1f426} \uffff")).toBeUndefined();
  expect(textProblem("a\0")).toBe("holds the null character U+0000");
  for (const text of ["\ud83d", "\udc26", "\udc26\ud83d", "\udc26\udc26", "\ud83d\ud83d\udc26"]) {
    expect(textProblem(text)).toBe("holds an unpaired surrogate");
  }
});
