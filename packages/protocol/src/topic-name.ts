import type { PacketName } from "./packet-type.ts";
import { ProtocolError } from "./protocol-error.ts";
import { ReasonCode } from "./reason-code.ts";
import { textProblem, utf8Length, validateUtf8 } from "./utf8.ts";

/** Topic Names and Topic Filters are UTF-8 Encoded Strings [MQTT-4.7.3-3]. */
export const MAXIMUM_TOPIC_BYTES = 65_535;

const NUMBER_SIGN = 0x23;
const PLUS_SIGN = 0x2b;

/**
 * Checks the characters of a Topic Name: throws a ProtocolError 0x81 for bad UTF-8, 0x90 for a wildcard or an
 * empty name. `packetStart` and `packet` only say where the error stands.
 */
export function validateTopicNameBytes(
  bytes: Uint8Array,
  start: number,
  end: number,
  packetStart: number = start,
  packet: PacketName = "PUBLISH",
): void {
  const badByte = validateUtf8(bytes, start, end);
  if (badByte >= 0) {
    const clause = bytes[badByte] === 0 ? "MQTT-4.7.3-2" : "MQTT-1.5.4-1";
    const context = { packet, offset: badByte - packetStart, clause };
    throw new ProtocolError(ReasonCode.MalformedPacket, "the Topic Name is not valid UTF-8", context);
  }
  if (start === end) {
    const context = { packet, offset: start - packetStart, clause: "MQTT-4.7.3-1" };
    throw new ProtocolError(ReasonCode.TopicNameInvalid, "the Topic Name is empty", context);
  }
  const wildcard = indexOfWildcard(bytes, start, end);
  if (wildcard >= 0) {
    const clause = packet === "PUBLISH" ? "MQTT-3.3.2-2" : "MQTT-4.7.0-1";
    const context = { packet, offset: wildcard - packetStart, clause };
    throw new ProtocolError(ReasonCode.TopicNameInvalid, "the Topic Name holds a wildcard", context);
  }
}

/** Offset of the first + or #, or -1. */
export function indexOfWildcard(bytes: Uint8Array, start: number, end: number): number {
  for (let offset = start; offset < end; offset++) {
    const byte = bytes[offset]!;
    if (byte === NUMBER_SIGN || byte === PLUS_SIGN) return offset;
  }
  return -1;
}

/** Why `name` cannot be a Topic Name, as a phrase that follows "the Topic Name"; undefined where it can. */
export function topicNameProblem(name: string): string | undefined {
  if (name.length === 0) return "is empty"; // [MQTT-4.7.3-1]
  if (name.includes("#") || name.includes("+")) return "holds a wildcard"; // [MQTT-4.7.0-1]
  return topicTextProblem(name);
}

/** The rules that Topic Names and Topic Filters share: text [MQTT-4.7.3-2] and length [MQTT-4.7.3-3]. */
export function topicTextProblem(text: string): string | undefined {
  const problem = textProblem(text);
  if (problem !== undefined) return problem;
  // A UTF-16 unit takes three bytes at most: short texts need no count.
  if (text.length * 3 > MAXIMUM_TOPIC_BYTES && utf8Length(text) > MAXIMUM_TOPIC_BYTES) {
    return `is longer than ${MAXIMUM_TOPIC_BYTES} bytes`;
  }
  return undefined;
}
