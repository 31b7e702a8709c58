import { textProblem, utf8Length, writeUtf8 } from "./utf8.ts";
import { MAXIMUM_VARIABLE_BYTE_INTEGER } from "./variable-byte-integer.ts";

const MAXIMUM_FIELD_BYTES = 65_535;

/** Size of a UTF-8 Encoded String with its two length bytes. Throws a RangeError for text that cannot be one. */
export function stringSize(field: string, text: string): number {
  const problem = textProblem(text);
  if (problem !== undefined) throw new RangeError(`${field} ${problem}`);
  const length = utf8Length(text);
  if (length > MAXIMUM_FIELD_BYTES) {
    throw new RangeError(`${field} takes ${length} bytes, more than ${MAXIMUM_FIELD_BYTES}`);
  }
  return 2 + length;
}

/** Size of Binary Data with its two length bytes. Throws a RangeError when there are too many bytes. */
export function binarySize(field: string, bytes: Uint8Array): number {
  if (bytes.length > MAXIMUM_FIELD_BYTES) {
    throw new RangeError(`${field} takes ${bytes.length} bytes, more than ${MAXIMUM_FIELD_BYTES}`);
  }
  return 2 + bytes.length;
}

/** Throws a RangeError unless `value` is a whole number from `minimum` to `maximum`. */
export function checkInteger(field: string, value: number, minimum: number, maximum: number): void {
  if (Number.isInteger(value) && value >= minimum && value <= maximum) return;
  throw new RangeError(`${field} is ${value}, not a whole number from ${minimum} to ${maximum}`);
}

export function checkPacketIdentifier(value: number | undefined): void {
  checkInteger("packetIdentifier", value ?? 0, 1, 0xffff);
}

export function checkVariableByteInteger(field: string, value: number, minimum = 0): void {
  checkInteger(field, value, minimum, MAXIMUM_VARIABLE_BYTE_INTEGER);
}

export function writeTwoByteInteger(target: Uint8Array, offset: number, value: number): number {
  target[offset] = value >> 8;
  target[offset + 1] = value & 0xff;
  return offset + 2;
}

export function writeFourByteInteger(target: Uint8Array, offset: number, value: number): number {
  const next = writeTwoByteInteger(target, offset, value >>> 16);
  return writeTwoByteInteger(target, next, value & 0xffff);
}

export function writeString(target: Uint8Array, offset: number, text: string): number {
  const end = writeUtf8(target, offset + 2, text);
  writeTwoByteInteger(target, offset, end - offset - 2);
  return end;
}

export function writeBinary(target: Uint8Array, offset: number, bytes: Uint8Array): number {
  const next = writeTwoByteInteger(target, offset, bytes.length);
  target.set(bytes, next);
  return next + bytes.length;
}
