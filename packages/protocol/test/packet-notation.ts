import { encodeUtf8, variableByteIntegerSize, writeVariableByteInteger } from "../src/index.ts";

/**
 * Bytes from a notation that shows a packet's fields: pairs of hex digits; "text" for a string or binary data
 * with its two length bytes; 'text' for characters alone; ~ for the length of all that follows, as a variable
 * byte integer (the Remaining Length); { } around a property block, which puts its length before it.
 *
 * @example bytesOf(`10 ~ "MQTT" 05 02 003c {21 000a} "client"`)
 */
export function bytesOf(notation: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(parse(notation, 0, undefined).bytes);
}

interface Parsed {
  readonly bytes: number[];
  readonly next: number;
}

function parse(notation: string, from: number, closing: string | undefined): Parsed {
  const bytes: number[] = [];
  let index = from;
  while (index < notation.length) {
    const character = notation[index]!;
    if (character === closing) return { bytes, next: index + 1 };
    if (/\s/.test(character)) {
      index++;
    } else if (character === "~") {
      const rest = parse(notation, index + 1, closing);
      return { bytes: [...bytes, ...lengthBytes(rest.bytes.length), ...rest.bytes], next: rest.next };
    } else if (character === "{") {
      const block = parse(notation, index + 1, "}");
      bytes.push(...lengthBytes(block.bytes.length), ...block.bytes);
      index = block.next;
    } else if (character === '"' || character === "'") {
      const end = notation.indexOf(character, index + 1);
      const text = encodeUtf8(notation.slice(index + 1, end));
      if (character === '"') bytes.push(text.length >> 8, text.length & 0xff);
      bytes.push(...text);
      index = end + 1;
    } else {
      const pair = notation.slice(index, index + 2);
      if (!/^[0-9a-f]{2}$/i.test(pair)) throw new Error(`no hex digits at ${index} of ${notation}`);
      bytes.push(Number.parseInt(pair, 16));
      index += 2;
    }
  }
  if (closing !== undefined) throw new Error(`${closing} is missing in ${notation}`);
  return { bytes, next: index };
}

function lengthBytes(length: number): Uint8Array {
  const bytes = new Uint8Array(variableByteIntegerSize(length));
  writeVariableByteInteger(bytes, 0, length);
  return bytes;
}
