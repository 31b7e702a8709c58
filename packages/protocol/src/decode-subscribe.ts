import { reasonProblem } from "./decode-acknowledgement.ts";
import { decodeProperties } from "./decode-properties.ts";
import type { PacketCursor } from "./packet-cursor.ts";
import type {
  QoS,
  RetainHandling,
  SubackPacket,
  SubscribePacket,
  SubscriptionRequest,
  UnsubackPacket,
  UnsubscribePacket,
} from "./packets.ts";
import type { ProtocolVersion } from "./protocol-version.ts";
import { isReasonCodeOf } from "./reason-name.ts";
import { isSharedFilter } from "./topic-filter.ts";

/**
 * Reads a SUBSCRIBE behind the fixed header. A filter with a bad shape is left in: SUBACK answers each filter
 * by itself, and `topicFilterProblem` finds the bad ones.
 */
export function decodeSubscribe(cursor: PacketCursor, version: ProtocolVersion): SubscribePacket {
  const packetIdentifier = cursor.readPacketIdentifier();
  const properties = version === 5 ? decodeProperties(cursor, "SUBSCRIBE", "client") : {};
  const subscriptions: SubscriptionRequest[] = [];
  if (cursor.remaining === 0) throw cursor.broken("there is no Topic Filter", "MQTT-3.8.3-2");
  while (cursor.remaining > 0) {
    const topicFilter = cursor.readString("a Topic Filter"); // [MQTT-3.8.3-1]
    const options = cursor.readByte("Subscription Options");
    subscriptions.push(subscriptionRequest(cursor, topicFilter, options, version));
  }
  return { type: "SUBSCRIBE", packetIdentifier, subscriptions, properties };
}

function subscriptionRequest(
  cursor: PacketCursor,
  topicFilter: string,
  options: number,
  version: ProtocolVersion,
): SubscriptionRequest {
  const offset = cursor.offset - 1;
  const qos = options & 3;
  if (version !== 5) {
    if (qos === 3) throw cursor.malformed("a requested QoS of 3", "MQTT 3.1.1, 3.8.3.1", offset);
    // MQTT 3.1 leaves the upper six bits unused, without demanding a value.
    if (version === 4 && options > 3) {
      throw cursor.malformed("a reserved bit of the requested QoS is set", "MQTT-3.8.3-5", offset);
    }
    return { topicFilter, qos: qos as QoS, noLocal: false, retainAsPublished: false, retainHandling: 0 };
  }
  if ((options & 0xc0) !== 0) {
    throw cursor.malformed("a reserved Subscription Option is set", "MQTT-3.8.3-5", offset);
  }
  if (qos === 3) throw cursor.broken("the Maximum QoS is 3", "MQTT 5.0, 3.8.3.1", offset);
  const retainHandling = (options >> 4) & 3;
  if (retainHandling === 3) throw cursor.broken("the Retain Handling is 3", "MQTT 5.0, 3.8.3.1", offset);
  const noLocal = (options & 4) !== 0;
  if (noLocal && isSharedFilter(topicFilter)) {
    throw cursor.broken("No Local on a Shared Subscription", "MQTT-3.8.3-4", offset);
  }
  return {
    topicFilter,
    qos: qos as QoS,
    noLocal,
    retainAsPublished: (options & 8) !== 0,
    retainHandling: retainHandling as RetainHandling,
  };
}

/** Reads an UNSUBSCRIBE behind the fixed header; filters are taken as `decodeSubscribe` takes them. */
export function decodeUnsubscribe(cursor: PacketCursor, version: ProtocolVersion): UnsubscribePacket {
  const packetIdentifier = cursor.readPacketIdentifier();
  const properties = version === 5 ? decodeProperties(cursor, "UNSUBSCRIBE", "client") : {};
  const topicFilters: string[] = [];
  if (cursor.remaining === 0) throw cursor.broken("there is no Topic Filter", "MQTT-3.10.3-2");
  while (cursor.remaining > 0) topicFilters.push(cursor.readString("a Topic Filter")); // [MQTT-3.10.3-1]
  return { type: "UNSUBSCRIBE", packetIdentifier, topicFilters, properties };
}

export function decodeSuback(cursor: PacketCursor, version: ProtocolVersion): SubackPacket {
  const packetIdentifier = cursor.readPacketIdentifier();
  const properties = version === 5 ? decodeProperties(cursor, "SUBACK", "server") : {};
  const reasonCodes = readReasonCodes(cursor, "SUBACK", version, "MQTT-3.9.3-2");
  return { type: "SUBACK", packetIdentifier, reasonCodes, properties };
}

export function decodeUnsuback(cursor: PacketCursor, version: ProtocolVersion): UnsubackPacket {
  const packetIdentifier = cursor.readPacketIdentifier();
  if (version !== 5) {
    cursor.finish();
    return { type: "UNSUBACK", packetIdentifier, reasonCodes: [], properties: {} };
  }
  const properties = decodeProperties(cursor, "UNSUBACK", "server");
  const reasonCodes = readReasonCodes(cursor, "UNSUBACK", version, "MQTT-3.11.3-2");
  return { type: "UNSUBACK", packetIdentifier, reasonCodes, properties };
}

function readReasonCodes(
  cursor: PacketCursor,
  packet: "SUBACK" | "UNSUBACK",
  version: ProtocolVersion,
  clause: string,
): number[] {
  // A request has at least one filter, and each is answered.
  if (cursor.remaining === 0) throw cursor.malformed("there is no Reason Code", clause);
  const reasonCodes: number[] = [];
  while (cursor.remaining > 0) {
    const code = cursor.readByte("a Reason Code");
    const known = version === 5 ? isReasonCodeOf(packet, code) : code < 3 || code === 0x80;
    if (!known) throw cursor.broken(reasonProblem(packet, code), clause, cursor.offset - 1);
    reasonCodes.push(code);
  }
  return reasonCodes;
}
