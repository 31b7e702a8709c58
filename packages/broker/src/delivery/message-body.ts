import { copyBytes } from "../arena.ts";
import { readUint16, writeUint16 } from "../big-endian.ts";

/*
 * The encoding of an Application Message at rest: in inboxes, in memory queues, retained, and as a Will.
 *
 *   byte    flags: QoS (2 bits), RETAIN, HAS_EXPIRY, HAS_PROPERTIES
 *   8 bytes expiry in milliseconds since the epoch, where HAS_EXPIRY (double, big endian)
 *   2 bytes length of the Topic Name, and the Topic Name
 *   4 bytes length of the properties, and the properties, where HAS_PROPERTIES
 *   the payload
 *
 * The properties are those that travel with the message as they stand in PUBLISH: all but Message Expiry
 * Interval, Topic Alias and Subscription Identifiers.
 */
const QOS_BITS = 0x03;
const RETAIN = 0x04;
const HAS_EXPIRY = 0x08;
const HAS_PROPERTIES = 0x10;

/** Where the parts of an encoded message are; reused. */
export class MessageBodyView {
  bytes: Uint8Array = new Uint8Array(0);
  start = 0;
  qos: 0 | 1 | 2 = 0;
  retain = false;
  /** Infinity where the message does not expire. */
  expiresAtMs: number = Number.POSITIVE_INFINITY;
  topicStart = 0;
  topicEnd = 0;
  propertiesStart = 0;
  propertiesEnd = 0;
  payloadStart = 0;
  payloadEnd = 0;

  read(bytes: Uint8Array, start = 0, end: number = bytes.length): this {
    const flags = bytes[start]!;
    let at = start + 1;
    this.bytes = bytes;
    this.start = start;
    this.qos = (flags & QOS_BITS) as 0 | 1 | 2;
    this.retain = (flags & RETAIN) !== 0;
    this.expiresAtMs = Number.POSITIVE_INFINITY;
    if ((flags & HAS_EXPIRY) !== 0) {
      this.expiresAtMs = new DataView(bytes.buffer, bytes.byteOffset + at, 8).getFloat64(0);
      at += 8;
    }
    const topicLength = readUint16(bytes, at);
    this.topicStart = at + 2;
    at = this.topicEnd = this.topicStart + topicLength;
    this.propertiesStart = this.propertiesEnd = at;
    if ((flags & HAS_PROPERTIES) !== 0) {
      this.propertiesStart = at + 4;
      at = this.propertiesEnd =
        this.propertiesStart + readUint16(bytes, at) * 65_536 + readUint16(bytes, at + 2);
    }
    this.payloadStart = at;
    this.payloadEnd = end;
    return this;
  }
}

/** The parts of a message that `writeMessageBody` puts together. */
export interface MessageParts {
  readonly qos: number;
  readonly retain: boolean;
  readonly expiresAtMs: number;
  readonly topic: { readonly bytes: Uint8Array };
  readonly propertyBytes: Uint8Array;
  readonly propertiesStart: number;
  readonly propertiesEnd: number;
  readonly payloadBytes: Uint8Array;
  readonly payloadStart: number;
  readonly payloadEnd: number;
}

export function messageBodySize(parts: MessageParts): number {
  const properties = parts.propertiesEnd - parts.propertiesStart;
  return (
    3 +
    (parts.expiresAtMs === Number.POSITIVE_INFINITY ? 0 : 8) +
    parts.topic.bytes.length +
    (properties === 0 ? 0 : 4 + properties) +
    (parts.payloadEnd - parts.payloadStart)
  );
}

/** Returns the offset behind the message. */
export function writeMessageBody(parts: MessageParts, target: Uint8Array, offset: number): number {
  const properties = parts.propertiesEnd - parts.propertiesStart;
  const expires = parts.expiresAtMs !== Number.POSITIVE_INFINITY;
  target[offset] =
    parts.qos |
    (parts.retain ? RETAIN : 0) |
    (expires ? HAS_EXPIRY : 0) |
    (properties > 0 ? HAS_PROPERTIES : 0);
  let at = offset + 1;
  if (expires) {
    new DataView(target.buffer, target.byteOffset + at, 8).setFloat64(0, parts.expiresAtMs);
    at += 8;
  }
  const topic = parts.topic.bytes;
  writeUint16(target, at, topic.length);
  copyBytes(topic, 0, topic.length, target, at + 2);
  at += 2 + topic.length;
  if (properties > 0) {
    writeUint16(target, at, properties >>> 16);
    writeUint16(target, at + 2, properties & 0xffff);
    copyBytes(parts.propertyBytes, parts.propertiesStart, parts.propertiesEnd, target, at + 4);
    at += 4 + properties;
  }
  copyBytes(parts.payloadBytes, parts.payloadStart, parts.payloadEnd, target, at);
  return at + (parts.payloadEnd - parts.payloadStart);
}

/** An encoded message on memory of its own. */
export function encodeMessageBody(parts: MessageParts): Uint8Array {
  const body = Buffer.allocUnsafe(messageBodySize(parts));
  writeMessageBody(parts, body, 0);
  return body;
}
