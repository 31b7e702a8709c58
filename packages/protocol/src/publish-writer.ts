import { propertyContentSize, writePropertyContent } from "./encode-properties.ts";
import { PacketType } from "./packet-type.ts";
import type { PublishProperties, QoS } from "./packets.ts";
import type { ProtocolVersion } from "./protocol-version.ts";
import { variableByteIntegerSize, writeVariableByteInteger } from "./variable-byte-integer.ts";

const MESSAGE_EXPIRY_INTERVAL = 0x02;
const SUBSCRIPTION_IDENTIFIER = 0x0b;
const TOPIC_ALIAS = 0x23;

/** Bytes that `writeMessageExpiryInterval` writes. */
export const MESSAGE_EXPIRY_INTERVAL_SIZE = 5;
/** Bytes that `writeTopicAlias` writes. */
export const TOPIC_ALIAS_SIZE = 3;

/**
 * Size in bytes of a whole PUBLISH. `propertiesLength` is that of the property block's content and is ignored
 * before MQTT 5.0.
 */
export function publishSize(
  version: ProtocolVersion,
  qos: QoS,
  topicLength: number,
  propertiesLength: number,
  payloadLength: number,
): number {
  const remainingLength = publishRemainingLength(version, qos, topicLength, propertiesLength, payloadLength);
  return 1 + variableByteIntegerSize(remainingLength) + remainingLength;
}

function publishRemainingLength(
  version: ProtocolVersion,
  qos: number,
  topicLength: number,
  propertiesLength: number,
  payloadLength: number,
): number {
  const propertiesSize = version === 5 ? variableByteIntegerSize(propertiesLength) + propertiesLength : 0;
  return 2 + topicLength + (qos > 0 ? 2 : 0) + propertiesSize + payloadLength;
}

/**
 * Writes the fixed header, the Topic Name (its bytes are copied), the Packet Identifier with QoS 1 and 2, and the
 * Property Length in MQTT 5.0. Returns the offset where the content of the property block and then the payload
 * belong. `flags` are bits 3-0 of the first byte: DUP, QoS, RETAIN. Checks nothing.
 */
export function writePublishHeader(
  target: Uint8Array,
  offset: number,
  version: ProtocolVersion,
  flags: number,
  topicBytes: Uint8Array,
  topicStart: number,
  topicEnd: number,
  packetIdentifier: number,
  propertiesLength: number,
  payloadLength: number,
): number {
  const qos = (flags >> 1) & 3;
  const topicLength = topicEnd - topicStart;
  target[offset] = (PacketType.PUBLISH << 4) | flags;
  let next = writeVariableByteInteger(
    target,
    offset + 1,
    publishRemainingLength(version, qos, topicLength, propertiesLength, payloadLength),
  );
  target[next] = topicLength >> 8;
  target[next + 1] = topicLength & 0xff;
  next = copyBytes(target, next + 2, topicBytes, topicStart, topicEnd);
  if (qos > 0) {
    target[next] = packetIdentifier >> 8;
    target[next + 1] = packetIdentifier & 0xff;
    next += 2;
  }
  return version === 5 ? writeVariableByteInteger(target, next, propertiesLength) : next;
}

/** Up to this size a loop is faster than `set`, which needs a subarray. */
const LOOP_COPY_BYTES = 24;

function copyBytes(
  target: Uint8Array,
  offset: number,
  source: Uint8Array,
  start: number,
  end: number,
): number {
  const length = end - start;
  if (length > LOOP_COPY_BYTES) {
    target.set(source.subarray(start, end), offset);
  } else {
    for (let index = 0; index < length; index++) target[offset + index] = source[start + index]!;
  }
  return offset + length;
}

/** Writes a Message Expiry Interval property and returns the next offset. */
export function writeMessageExpiryInterval(target: Uint8Array, offset: number, seconds: number): number {
  target[offset] = MESSAGE_EXPIRY_INTERVAL;
  target[offset + 1] = seconds >>> 24;
  target[offset + 2] = (seconds >>> 16) & 0xff;
  target[offset + 3] = (seconds >>> 8) & 0xff;
  target[offset + 4] = seconds & 0xff;
  return offset + MESSAGE_EXPIRY_INTERVAL_SIZE;
}

/** Writes a Subscription Identifier property, 1 + `variableByteIntegerSize` bytes, and returns the next offset. */
export function writeSubscriptionIdentifier(target: Uint8Array, offset: number, identifier: number): number {
  target[offset] = SUBSCRIPTION_IDENTIFIER;
  return writeVariableByteInteger(target, offset + 1, identifier);
}

/** Writes a Topic Alias property and returns the next offset. */
export function writeTopicAlias(target: Uint8Array, offset: number, topicAlias: number): number {
  target[offset] = TOPIC_ALIAS;
  target[offset + 1] = topicAlias >> 8;
  target[offset + 2] = topicAlias & 0xff;
  return offset + TOPIC_ALIAS_SIZE;
}

/** Size in bytes of a property block's content. Throws a RangeError for a value that has no encoding. */
export function messagePropertiesSize(properties: PublishProperties): number {
  return propertyContentSize("PUBLISH", properties);
}

/** Writes a property block's content, without its length, and returns the next offset. */
export function writeMessageProperties(
  target: Uint8Array,
  offset: number,
  properties: PublishProperties,
): number {
  return writePropertyContent(target, offset, "PUBLISH", properties);
}
