import { expect, test } from "vitest";
import {
  MAXIMUM_VARIABLE_BYTE_INTEGER,
  readVariableByteInteger,
  VARIABLE_BYTE_INTEGER_CUT_SHORT,
  VARIABLE_BYTE_INTEGER_MALFORMED,
  variableByteIntegerSize,
  writeVariableByteInteger,
} from "./variable-byte-integer.ts";

test.each([
  [0, [0x00]],
  [127, [0x7f]],
  [128, [0x80, 0x01]],
  [16_383, [0xff, 0x7f]],
  [16_384, [0x80, 0x80, 0x01]],
  [2_097_151, [0xff, 0xff, 0x7f]],
  [2_097_152, [0x80, 0x80, 0x80, 0x01]],
  [MAXIMUM_VARIABLE_BYTE_INTEGER, [0xff, 0xff, 0xff, 0x7f]],
])("%i is written and read in its shortest form", (value, expected) => {
  const target = new Uint8Array(6);
  expect(writeVariableByteInteger(target, 1, value)).toBe(1 + expected.length);
  expect([...target.subarray(1, 1 + expected.length)]).toEqual(expected);
  expect(variableByteIntegerSize(value)).toBe(expected.length);
  expect(readVariableByteInteger(target, 1, 6)).toBe(value);
  for (let length = 0; length < expected.length; length++) {
    expect(readVariableByteInteger(target, 1, 1 + length)).toBe(VARIABLE_BYTE_INTEGER_CUT_SHORT);
  }
});

test.each([
  [[0x80, 0x00]],
  [[0xff, 0x80, 0x00]],
  [[0x80, 0x80, 0x80, 0x00]],
  [[0x80, 0x80, 0x80, 0x80, 0x01]],
  [[0xff, 0xff, 0xff, 0xff]],
])("%j is malformed [MQTT-1.5.5-1]", (bytes) => {
  expect(readVariableByteInteger(Uint8Array.from(bytes), 0, bytes.length)).toBe(
    VARIABLE_BYTE_INTEGER_MALFORMED,
  );
});
