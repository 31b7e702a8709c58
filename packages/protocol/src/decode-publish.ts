import { decodePropertyContent, identifierProblem, senderClause } from "./decode-properties.ts";
import { PacketCursor, readFourByteIntegerAt } from "./packet-cursor.ts";
import type { Sender } from "./packet-type.ts";
import type { PublishProperties, QoS } from "./packets.ts";
import { LAST_PROPERTY_ID, PROPERTY_SETS, type PropertyDefinition, PropertyType } from "./properties.ts";
import { ProtocolError } from "./protocol-error.ts";
import type { ProtocolVersion } from "./protocol-version.ts";
import type { PublishView } from "./publish-view.ts";
import { ReasonCode } from "./reason-code.ts";
import { indexOfWildcard } from "./topic-name.ts";
import { validateUtf8 } from "./utf8.ts";
import {
  readVariableByteInteger,
  VARIABLE_BYTE_INTEGER_CUT_SHORT,
  variableByteIntegerSize,
} from "./variable-byte-integer.ts";

const PAYLOAD_FORMAT_INDICATOR = 0x01;
const MESSAGE_EXPIRY_INTERVAL = 0x02;
const SUBSCRIPTION_IDENTIFIER = 0x0b;
const TOPIC_ALIAS = 0x23;
const USER_PROPERTY = 0x26;

const PUBLISH_PROPERTIES = PROPERTY_SETS.PUBLISH;

/**
 * Reads the PUBLISH in `bytes` from `start` to `end` into `view` and checks all of it but the characters of the
 * Topic Name: `validateTopicNameBytes` does that, which a receiver may skip for a topic it has seen before.
 * Allocates nothing. After a throw the view's content means nothing.
 */
export function decodePublishView(
  view: PublishView,
  bytes: Uint8Array,
  start: number,
  bodyStart: number,
  end: number,
  version: ProtocolVersion,
  sender: Sender,
): void {
  const flags = bytes[start]!;
  const qos = ((flags >> 1) & 3) as QoS | 3;
  if (qos === 3) throw malformed("QoS is 3", 0, "MQTT-3.3.1-4");
  const dup = (flags & 8) !== 0;
  // MQTT 3.1 gives DUP no meaning with QoS 0, the later versions forbid it.
  if (dup && qos === 0 && version !== 3) throw malformed("DUP is set with QoS 0", 0, "MQTT-3.3.1-2");
  view.bytes = bytes;
  view.start = start;
  view.end = end;
  view.qos = qos;
  view.retain = (flags & 1) !== 0;
  view.dup = dup && qos > 0;

  if (end - bodyStart < 2) throw malformed("the Topic Name is cut short", end - start, "MQTT-3.3.2-1");
  const topicStart = bodyStart + 2;
  const topicEnd = topicStart + ((bytes[bodyStart]! << 8) | bytes[bodyStart + 1]!);
  if (topicEnd > end) throw malformed("the Topic Name is cut short", end - start, "MQTT-3.3.2-1");
  view.topicStart = topicStart;
  view.topicEnd = topicEnd;

  let offset = topicEnd;
  view.packetIdentifierOffset = offset;
  view.packetIdentifier = 0;
  if (qos > 0) {
    if (end - offset < 2)
      throw malformed("the Packet Identifier is cut short", end - start, "MQTT 5.0, 2.2.1");
    view.packetIdentifier = (bytes[offset]! << 8) | bytes[offset + 1]!;
    if (view.packetIdentifier === 0)
      throw broken("the Packet Identifier is 0", offset - start, "MQTT-2.2.1-3");
    offset += 2;
  }

  view.payloadFormatIndicator = -1;
  view.messageExpiryIntervalSeconds = -1;
  view.messageExpiryOffset = -1;
  view.topicAlias = 0;
  view.topicAliasOffset = -1;
  view.propertiesStart = offset;
  view.propertiesEnd = offset;
  if (version === 5) offset = readPropertyBlock(view, offset, sender);
  view.payloadStart = offset;

  if (topicStart === topicEnd && view.topicAlias === 0) {
    // Before Topic Aliases an empty name was merely no name.
    if (version === 5)
      throw broken("no Topic Name and no Topic Alias", bodyStart - start, "MQTT 5.0, 3.3.2.1");
    throw malformed("the Topic Name is empty", bodyStart - start, "MQTT-4.7.3-1");
  }
}

function readPropertyBlock(view: PublishView, offset: number, sender: Sender): number {
  const length = readVariableByteInteger(view.bytes, offset, view.end);
  if (length < 0) throw badVariableByteInteger("the Property Length", length, offset - view.start);
  const propertiesStart = offset + variableByteIntegerSize(length);
  const propertiesEnd = propertiesStart + length;
  if (propertiesEnd > view.end) {
    throw malformed("the Property Length runs past the packet", offset - view.start, "MQTT 5.0, 2.2.2.1");
  }
  view.propertiesStart = propertiesStart;
  view.propertiesEnd = propertiesEnd;
  if (length > 0 && !view.knownProperties?.equals(view.bytes, propertiesStart, propertiesEnd)) {
    readProperties(view, sender);
    rememberProperties(view, sender);
  }
  return propertiesEnd;
}

/** Only a block of which the view holds nothing but where it is, and that is allowed to either sender. */
function rememberProperties(view: PublishView, sender: Sender): void {
  const { knownProperties, payloadFormatIndicator, messageExpiryOffset, topicAliasOffset } = view;
  if (knownProperties === undefined || sender !== "client") return;
  if (payloadFormatIndicator >= 0 || messageExpiryOffset >= 0 || topicAliasOffset >= 0) return;
  knownProperties.remember(view.bytes, view.propertiesStart, view.propertiesEnd);
}

function readProperties(view: PublishView, sender: Sender): void {
  const bytes = view.bytes;
  const end = view.propertiesEnd;
  let offset = view.propertiesStart;
  // Bit n stands for the identifier n; those of PUBLISH over 31 are looked after by themselves.
  let seen = 0;
  while (offset < end) {
    const id = bytes[offset]!;
    const property = id <= LAST_PROPERTY_ID ? PUBLISH_PROPERTIES[id] : undefined;
    if (property === undefined) {
      throw malformed(identifierProblem(id), offset - view.start, "MQTT 5.0, 2.2.2.2");
    }
    if (!property.repeatable) {
      const bit = id < 32 ? 1 << id : 1;
      if ((seen & bit) !== 0)
        throw broken(`${property.label} stands there twice`, offset - view.start, "MQTT 5.0, 3.3.2.3");
      seen |= bit;
    } else if (id === SUBSCRIPTION_IDENTIFIER && sender === "client") {
      throw broken(
        "a client may not send a Subscription Identifier",
        offset - view.start,
        senderClause(property),
      );
    }
    if (id === USER_PROPERTY) {
      // The one that comes often and in numbers.
      offset = checkString(view, property, checkString(view, property, offset + 1));
      continue;
    }
    const next = checkProperty(view, property, offset + 1);
    if (id === PAYLOAD_FORMAT_INDICATOR) {
      view.payloadFormatIndicator = bytes[offset + 1]!;
    } else if (id === MESSAGE_EXPIRY_INTERVAL) {
      view.messageExpiryIntervalSeconds = readFourByteIntegerAt(bytes, offset + 1);
      view.messageExpiryOffset = offset;
    } else if (id === TOPIC_ALIAS) {
      view.topicAlias = (bytes[offset + 1]! << 8) | bytes[offset + 2]!;
      view.topicAliasOffset = offset;
      if (view.topicAlias === 0) {
        const context = { packet: "PUBLISH", offset: offset - view.start, clause: "MQTT-3.3.2-8" } as const;
        throw new ProtocolError(ReasonCode.TopicAliasInvalid, "the Topic Alias is 0", context);
      }
    }
    offset = next;
  }
}

/** Checks the value at `offset` and returns the offset behind it. */
function checkProperty(view: PublishView, property: PropertyDefinition, offset: number): number {
  switch (property.type) {
    case PropertyType.Byte: {
      const next = within(view, property, offset + 1);
      if (view.bytes[offset]! > 1) {
        throw broken(`${property.label} is neither 0 nor 1`, offset - view.start, "MQTT 5.0, 3.3.2.3.2");
      }
      return next;
    }
    case PropertyType.TwoByteInteger:
      return within(view, property, offset + 2);
    case PropertyType.FourByteInteger:
      return within(view, property, offset + 4);
    case PropertyType.VariableByteInteger: {
      const value = readVariableByteInteger(view.bytes, offset, view.propertiesEnd);
      if (value < 0) throw badVariableByteInteger(property.label, value, offset - view.start);
      if (value === 0) throw broken(`${property.label} is 0`, offset - view.start, "MQTT 5.0, 3.3.2.3.8");
      return offset + variableByteIntegerSize(value);
    }
    case PropertyType.Utf8String:
      return checkString(view, property, offset);
    case PropertyType.Utf8StringPair:
      return checkString(view, property, checkString(view, property, offset));
    case PropertyType.BinaryData:
      return within(view, property, lengthPrefixedEnd(view, property, offset));
  }
}

function checkString(view: PublishView, property: PropertyDefinition, offset: number): number {
  const bytes = view.bytes;
  const start = offset + 2;
  let next = start;
  if (start <= view.propertiesEnd) next += (bytes[offset]! << 8) | bytes[offset + 1]!;
  within(view, property, next);
  const badByte = validateUtf8(bytes, start, next);
  if (badByte >= 0) {
    const clause = bytes[badByte] === 0 ? "MQTT-1.5.4-2" : "MQTT-1.5.4-1";
    throw malformed(`${property.label} is not valid UTF-8`, badByte - view.start, clause);
  }
  if (property.range === "topicName") {
    const at = offset - view.start;
    if (next === offset + 2) throw broken(`${property.label} is empty`, at, "MQTT-4.7.3-1");
    if (indexOfWildcard(bytes, offset + 2, next) >= 0) {
      throw broken(`${property.label} holds a wildcard`, at, "MQTT-3.3.2-14");
    }
  }
  return next;
}

function lengthPrefixedEnd(view: PublishView, property: PropertyDefinition, offset: number): number {
  const valueStart = within(view, property, offset + 2);
  return valueStart + ((view.bytes[offset]! << 8) | view.bytes[offset + 1]!);
}

function within(view: PublishView, property: PropertyDefinition, offset: number): number {
  if (offset > view.propertiesEnd) {
    const at = view.propertiesEnd - view.start;
    throw malformed(`${property.label} runs past the Property Length`, at, "MQTT 5.0, 2.2.2.1");
  }
  return offset;
}

/** Decodes the content of a property block that `decodePublishView` has accepted. */
export function readMessageProperties(bytes: Uint8Array, start: number, end: number): PublishProperties {
  const cursor = new PacketCursor("PUBLISH", bytes, start, start, end);
  return decodePropertyContent(cursor, end, "PUBLISH", "server") as PublishProperties;
}

function malformed(message: string, offset: number, clause: string): ProtocolError {
  return new ProtocolError(ReasonCode.MalformedPacket, message, { packet: "PUBLISH", offset, clause });
}

function broken(message: string, offset: number, clause: string): ProtocolError {
  return new ProtocolError(ReasonCode.ProtocolError, message, { packet: "PUBLISH", offset, clause });
}

function badVariableByteInteger(field: string, result: number, offset: number): ProtocolError {
  const what = result === VARIABLE_BYTE_INTEGER_CUT_SHORT ? "is cut short" : "is not in its shortest form";
  return malformed(`${field} ${what}`, offset, "MQTT-1.5.5-1");
}
