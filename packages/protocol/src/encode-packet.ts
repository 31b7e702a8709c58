import { connectBodySize, writeConnectBody } from "./encode-connect.ts";
import { propertiesSize, writeProperties } from "./encode-properties.ts";
import {
  checkInteger,
  checkPacketIdentifier,
  checkVariableByteInteger,
  stringSize,
  writeString,
  writeTwoByteInteger,
} from "./field-writer.ts";
import { firstByteOf, fixedHeaderFlags } from "./fixed-header.ts";
import type {
  AuthPacket,
  ControlPacket,
  DisconnectPacket,
  PubackPacket,
  PubcompPacket,
  PublishPacket,
  PubrecPacket,
  PubrelPacket,
  SubackPacket,
  SubscribePacket,
  SubscriptionRequest,
  UnsubackPacket,
  UnsubscribePacket,
} from "./packets.ts";
import type { ProtocolVersion } from "./protocol-version.ts";
import { variableByteIntegerSize, writeVariableByteInteger } from "./variable-byte-integer.ts";

/**
 * The bytes of `packet` in `version`; a CONNECT is encoded in the version it names. Before MQTT 5.0 properties
 * and Reason Codes that have no place are left out. Throws a RangeError that names the field for a value that has
 * no encoding; what a receiver may make of a value that has one is not checked.
 */
export function encodePacket(packet: ControlPacket, version: ProtocolVersion): Uint8Array {
  const bodySize = checkedBodySize(packet, version);
  const headerSize = 1 + variableByteIntegerSize(bodySize);
  const target = new Uint8Array(headerSize + bodySize);
  const flags = packet.type === "PUBLISH" ? publishFlags(packet) : fixedHeaderFlags(packet.type);
  target[0] = firstByteOf(packet.type, flags);
  writeVariableByteInteger(target, 1, bodySize);
  writeBody(target, headerSize, packet, version);
  return target;
}

/** Size in bytes of what `encodePacket` returns, to be held against the receiver's Maximum Packet Size. */
export function encodedSize(packet: ControlPacket, version: ProtocolVersion): number {
  const bodySize = checkedBodySize(packet, version);
  return 1 + variableByteIntegerSize(bodySize) + bodySize;
}

function checkedBodySize(packet: ControlPacket, version: ProtocolVersion): number {
  const size = bodySizeOf(packet, version);
  checkVariableByteInteger(`the size of ${packet.type}`, size);
  return size;
}

function bodySizeOf(packet: ControlPacket, version: ProtocolVersion): number {
  switch (packet.type) {
    case "CONNECT":
      return connectBodySize(packet);
    case "CONNACK":
      checkInteger("reasonCode", packet.reasonCode, 0, 0xff);
      return 2 + (version === 5 ? propertiesSize("CONNACK", packet.properties) : 0);
    case "PUBLISH":
      return publishBodySize(packet, version);
    case "PUBACK":
    case "PUBREC":
    case "PUBREL":
    case "PUBCOMP":
      checkPacketIdentifier(packet.packetIdentifier);
      return 2 + reasonAndPropertiesSize(packet, version);
    case "SUBSCRIBE":
    case "UNSUBSCRIBE":
      return filtersBodySize(packet, version);
    case "SUBACK":
    case "UNSUBACK":
      return reasonCodesBodySize(packet, version);
    case "PINGREQ":
    case "PINGRESP":
      return 0;
    case "DISCONNECT":
    case "AUTH":
      return reasonAndPropertiesSize(packet, version);
  }
}

function writeBody(
  target: Uint8Array,
  offset: number,
  packet: ControlPacket,
  version: ProtocolVersion,
): void {
  switch (packet.type) {
    case "CONNECT":
      writeConnectBody(target, offset, packet);
      break;
    case "CONNACK":
      target[offset] = packet.sessionPresent ? 1 : 0;
      target[offset + 1] = packet.reasonCode;
      if (version === 5) writeProperties(target, offset + 2, "CONNACK", packet.properties);
      break;
    case "PUBLISH":
      writePublishBody(target, offset, packet, version);
      break;
    case "PUBACK":
    case "PUBREC":
    case "PUBREL":
    case "PUBCOMP":
      writeTwoByteInteger(target, offset, packet.packetIdentifier);
      writeReasonAndProperties(target, offset + 2, packet, version);
      break;
    case "SUBSCRIBE":
    case "UNSUBSCRIBE":
      writeFiltersBody(target, offset, packet, version);
      break;
    case "SUBACK":
    case "UNSUBACK":
      writeReasonCodesBody(target, offset, packet, version);
      break;
    case "PINGREQ":
    case "PINGRESP":
      break;
    case "DISCONNECT":
    case "AUTH":
      writeReasonAndProperties(target, offset, packet, version);
      break;
  }
}

function publishFlags(packet: PublishPacket): number {
  return (packet.dup ? 8 : 0) | (packet.qos << 1) | (packet.retain ? 1 : 0);
}

function publishBodySize(packet: PublishPacket, version: ProtocolVersion): number {
  checkInteger("qos", packet.qos, 0, 2);
  if (packet.qos > 0) checkPacketIdentifier(packet.packetIdentifier);
  return (
    stringSize("topicName", packet.topicName) +
    (packet.qos > 0 ? 2 : 0) +
    (version === 5 ? propertiesSize("PUBLISH", packet.properties) : 0) +
    packet.payload.length
  );
}

function writePublishBody(
  target: Uint8Array,
  offset: number,
  packet: PublishPacket,
  version: ProtocolVersion,
): void {
  let next = writeString(target, offset, packet.topicName);
  // A Packet Identifier stands only with QoS 1 and 2 [MQTT-2.2.1-2].
  if (packet.qos > 0) next = writeTwoByteInteger(target, next, packet.packetIdentifier!);
  if (version === 5) next = writeProperties(target, next, "PUBLISH", packet.properties);
  target.set(packet.payload, next);
}

type PacketWithReason =
  | PubackPacket
  | PubrecPacket
  | PubrelPacket
  | PubcompPacket
  | DisconnectPacket
  | AuthPacket;

/** Reason Code and properties are left out where they say nothing; AUTH leaves out both or none. */
function reasonAndPropertiesSize(packet: PacketWithReason, version: ProtocolVersion): number {
  if (version !== 5) return 0;
  checkInteger("reasonCode", packet.reasonCode, 0, 0xff);
  const size = propertiesSize(packet.type, packet.properties);
  if (size > 1) return 1 + size;
  if (packet.reasonCode === 0) return 0;
  return packet.type === "AUTH" ? 2 : 1;
}

function writeReasonAndProperties(
  target: Uint8Array,
  offset: number,
  packet: PacketWithReason,
  version: ProtocolVersion,
): void {
  const size = reasonAndPropertiesSize(packet, version);
  if (size > 0) target[offset] = packet.reasonCode;
  if (size > 1) writeProperties(target, offset + 1, packet.type, packet.properties);
}

function filtersBodySize(packet: SubscribePacket | UnsubscribePacket, version: ProtocolVersion): number {
  checkPacketIdentifier(packet.packetIdentifier);
  let size = 2 + (version === 5 ? propertiesSize(packet.type, packet.properties) : 0);
  if (packet.type === "SUBSCRIBE") {
    if (packet.subscriptions.length === 0) throw new RangeError("subscriptions is empty"); // [MQTT-3.8.3-2]
    for (const subscription of packet.subscriptions) {
      checkInteger("qos", subscription.qos, 0, 2);
      checkInteger("retainHandling", subscription.retainHandling, 0, 2);
      size += stringSize("topicFilter", subscription.topicFilter) + 1;
    }
  } else {
    if (packet.topicFilters.length === 0) throw new RangeError("topicFilters is empty"); // [MQTT-3.10.3-2]
    for (const topicFilter of packet.topicFilters) size += stringSize("topicFilters", topicFilter);
  }
  return size;
}

function writeFiltersBody(
  target: Uint8Array,
  offset: number,
  packet: SubscribePacket | UnsubscribePacket,
  version: ProtocolVersion,
): void {
  let next = writeTwoByteInteger(target, offset, packet.packetIdentifier);
  if (version === 5) next = writeProperties(target, next, packet.type, packet.properties);
  if (packet.type === "SUBSCRIBE") {
    for (const subscription of packet.subscriptions) {
      next = writeString(target, next, subscription.topicFilter);
      target[next++] = version === 5 ? subscriptionOptions(subscription) : subscription.qos;
    }
  } else {
    for (const topicFilter of packet.topicFilters) next = writeString(target, next, topicFilter);
  }
}

function subscriptionOptions(subscription: SubscriptionRequest): number {
  return (
    subscription.qos |
    (subscription.noLocal ? 4 : 0) |
    (subscription.retainAsPublished ? 8 : 0) |
    (subscription.retainHandling << 4)
  );
}

function reasonCodesBodySize(packet: SubackPacket | UnsubackPacket, version: ProtocolVersion): number {
  checkPacketIdentifier(packet.packetIdentifier);
  // Before MQTT 5.0 an UNSUBACK is its Packet Identifier.
  if (version !== 5 && packet.type === "UNSUBACK") return 2;
  for (const code of packet.reasonCodes) checkInteger("reasonCodes", code, 0, 0xff);
  return 2 + (version === 5 ? propertiesSize(packet.type, packet.properties) : 0) + packet.reasonCodes.length;
}

function writeReasonCodesBody(
  target: Uint8Array,
  offset: number,
  packet: SubackPacket | UnsubackPacket,
  version: ProtocolVersion,
): void {
  let next = writeTwoByteInteger(target, offset, packet.packetIdentifier);
  if (version === 5) next = writeProperties(target, next, packet.type, packet.properties);
  else if (packet.type === "UNSUBACK") return;
  target.set(packet.reasonCodes, next);
}
