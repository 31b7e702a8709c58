/** The largest value that four bytes of seven bits hold [MQTT 5.0, 1.5.5]. */
export const MAXIMUM_VARIABLE_BYTE_INTEGER = 268_435_455;

/** Returned by `readVariableByteInteger` where the input ends inside the integer. */
export const VARIABLE_BYTE_INTEGER_CUT_SHORT = -1;
/** Returned by `readVariableByteInteger` for a fifth byte or for more bytes than the value needs. */
export const VARIABLE_BYTE_INTEGER_MALFORMED = -2;

/** Bytes that `value` takes, 1 to 4. `value` must be from 0 to 268,435,455. */
export function variableByteIntegerSize(value: number): number {
  if (value < 128) return 1;
  if (value < 16_384) return 2;
  if (value < 2_097_152) return 3;
  return 4;
}

/** Writes `value` and returns the next offset. `value` must be from 0 to 268,435,455. */
export function writeVariableByteInteger(target: Uint8Array, offset: number, value: number): number {
  let rest = value;
  let next = offset;
  while (rest > 127) {
    target[next++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  target[next++] = rest;
  return next;
}

/**
 * Reads the integer at `offset`; -1 when it is cut short, -2 when it is malformed. As only the shortest form
 * is taken [MQTT-1.5.5-1], `variableByteIntegerSize` of the value tells how many bytes were read.
 */
export function readVariableByteInteger(bytes: Uint8Array, offset: number, end: number): number {
  let value = 0;
  for (let index = 0; index < 4; index++) {
    if (offset + index >= end) return VARIABLE_BYTE_INTEGER_CUT_SHORT;
    const byte = bytes[offset + index]!;
    value |= (byte & 0x7f) << (7 * index);
    if (byte < 0x80) {
      return byte === 0 && index > 0 ? VARIABLE_BYTE_INTEGER_MALFORMED : value;
    }
  }
  return VARIABLE_BYTE_INTEGER_MALFORMED;
}
