// Neither Node's nor the browser's types are in scope here; both runtimes have these two.
interface Utf8Decoder {
  decode(input: Uint8Array): string;
}
interface Utf8Encoder {
  encode(input: string): Uint8Array;
  encodeInto(source: string, destination: Uint8Array): { read: number; written: number };
}
declare const TextDecoder: new (label: string, options: { ignoreBOM: boolean }) => Utf8Decoder;
declare const TextEncoder: new () => Utf8Encoder;

// U+FEFF at the start is a character like any other and stays [MQTT-1.5.4-3].
const decoder: Utf8Decoder = /* @__PURE__ */ new TextDecoder("utf-8", { ignoreBOM: true });
const encoder: Utf8Encoder = /* @__PURE__ */ new TextEncoder();

/** Up to these sizes a loop beats the call into the runtime. */
const SHORT_DECODE_BYTES = 12;
const SHORT_ENCODE_UNITS = 64;

/**
 * Checks a UTF-8 Encoded String's bytes: -1 when valid, else the offset of the first bad sequence. Refuses
 * overlong forms, surrogates and values over U+10FFFF [MQTT-1.5.4-1], and U+0000 [MQTT-1.5.4-2].
 */
export function validateUtf8(bytes: Uint8Array, start: number, end: number): number {
  let offset = start;
  while (offset < end) {
    const byte = bytes[offset]!;
    if (byte < 0x80) {
      if (byte === 0) return offset;
      offset++;
      continue;
    }
    const size = multiByteSize(bytes, offset, end);
    if (size === 0) return offset;
    offset += size;
  }
  return -1;
}

/** Size of the well-formed sequence of two to four bytes at `offset`, or 0. Table 3-7 of the Unicode standard. */
function multiByteSize(bytes: Uint8Array, offset: number, end: number): number {
  const lead = bytes[offset]!;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const size = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (offset + size > end) return 0;
  const second = bytes[offset + 1]!;
  const lowest = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const highest = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  if (second < lowest || second > highest) return 0;
  for (let index = 2; index < size; index++) {
    if ((bytes[offset + index]! & 0xc0) !== 0x80) return 0;
  }
  return size;
}

/** The text of bytes that `validateUtf8` has accepted. */
export function decodeUtf8(bytes: Uint8Array, start: number, end: number): string {
  if (end - start > SHORT_DECODE_BYTES) return decoder.decode(bytes.subarray(start, end));
  let text = "";
  for (let offset = start; offset < end; offset++) {
    const byte = bytes[offset]!;
    if (byte > 0x7f) return decoder.decode(bytes.subarray(start, end));
    text += String.fromCharCode(byte);
  }
  return text;
}

/** The UTF-8 form of `text`; an unpaired surrogate becomes U+FFFD. */
export function encodeUtf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Bytes that `text` takes in UTF-8; an unpaired surrogate counts as U+FFFD, three bytes. */
export function utf8Length(text: string): number {
  let length = text.length;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) continue;
    if (unit < 0x800) {
      length += 1;
    } else {
      length += 2;
      // A pair is two units and four bytes.
      if (isLeadSurrogate(unit) && isTrailSurrogate(text.charCodeAt(index + 1))) index++;
    }
  }
  return length;
}

/** Why `text` cannot be a UTF-8 Encoded String, apart from its length; undefined where it can. */
export function textProblem(text: string): string | undefined {
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit === 0) return "holds the null character U+0000"; // [MQTT-1.5.4-2]
    if (unit < 0xd800 || unit > 0xdfff) continue;
    if (isLeadSurrogate(unit) && isTrailSurrogate(text.charCodeAt(index + 1))) index++;
    else return "holds an unpaired surrogate"; // [MQTT-1.5.4-1]
  }
  return undefined;
}

function isLeadSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

function isTrailSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}

/** Writes the UTF-8 form of `text` at `offset`, which must have room, and returns the next offset. */
export function writeUtf8(target: Uint8Array, offset: number, text: string): number {
  if (text.length <= SHORT_ENCODE_UNITS) {
    let index = 0;
    for (; index < text.length; index++) {
      const unit = text.charCodeAt(index);
      if (unit > 0x7f) break;
      target[offset + index] = unit;
    }
    if (index === text.length) return offset + index;
  }
  return offset + encoder.encodeInto(text, target.subarray(offset)).written;
}
