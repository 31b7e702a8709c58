import { decodeAcknowledgement, reasonProblem } from "./decode-acknowledgement.ts";
import { decodeConnect } from "./decode-connect.ts";
import { decodeProperties } from "./decode-properties.ts";
import { decodePublishView, readMessageProperties } from "./decode-publish.ts";
import { decodeSuback, decodeSubscribe, decodeUnsuback, decodeUnsubscribe } from "./decode-subscribe.ts";
import { checkDirection, checkFixedHeaderFlags } from "./fixed-header.ts";
import { PacketCursor } from "./packet-cursor.ts";
import { packetNameOf, type Sender } from "./packet-type.ts";
import type {
  AuthPacket,
  AuthProperties,
  ConnackPacket,
  ControlPacket,
  DisconnectPacket,
  PublishPacket,
} from "./packets.ts";
import { ProtocolError } from "./protocol-error.ts";
import type { ProtocolVersion } from "./protocol-version.ts";
import { PublishView } from "./publish-view.ts";
import { ReasonCode } from "./reason-code.ts";
import { isReasonCodeOf } from "./reason-name.ts";
import { validateTopicNameBytes } from "./topic-name.ts";
import { decodeUtf8 } from "./utf8.ts";

const LAST_CONNECT_RETURN_CODE = 5;

/**
 * Decodes the whole packet in `bytes` from `start` to `end`, whose body begins at `bodyStart`, as a FrameReader
 * finds it. `version` is that of the connection; CONNECT says its own. Payloads and binary data of the result
 * are subarrays of `bytes`. Throws a ProtocolError for whatever the spec forbids.
 */
export function decodePacket(
  bytes: Uint8Array,
  start: number,
  bodyStart: number,
  end: number,
  version: ProtocolVersion,
  sender: Sender,
): ControlPacket {
  const firstByte = bytes[start]!;
  const type = packetNameOf(firstByte >> 4);
  if (type === undefined) {
    const context = { offset: 0, clause: "MQTT 5.0, 2.1.2" };
    throw new ProtocolError(ReasonCode.MalformedPacket, "packet type 0 is reserved", context);
  }
  checkDirection(type, version, sender);
  if (type === "PUBLISH") return decodePublish(bytes, start, bodyStart, end, version, sender);
  const cursor = new PacketCursor(type, bytes, start, bodyStart, end);
  if (type === "CONNECT") return decodeConnect(cursor);
  checkFixedHeaderFlags(type, firstByte, version);
  switch (type) {
    case "CONNACK":
      return decodeConnack(cursor, version);
    case "PUBACK":
    case "PUBREC":
    case "PUBREL":
    case "PUBCOMP":
      return decodeAcknowledgement(type, bytes, start, bodyStart, end, version);
    case "SUBSCRIBE":
      return decodeSubscribe(cursor, version);
    case "SUBACK":
      return decodeSuback(cursor, version);
    case "UNSUBSCRIBE":
      return decodeUnsubscribe(cursor, version);
    case "UNSUBACK":
      return decodeUnsuback(cursor, version);
    case "PINGREQ":
    case "PINGRESP":
      cursor.finish();
      return { type };
    case "DISCONNECT":
      return decodeDisconnect(cursor, version, sender);
    case "AUTH":
      return decodeAuth(cursor, sender);
  }
}

function decodePublish(
  bytes: Uint8Array,
  start: number,
  bodyStart: number,
  end: number,
  version: ProtocolVersion,
  sender: Sender,
): PublishPacket {
  const view = new PublishView();
  decodePublishView(view, bytes, start, bodyStart, end, version, sender);
  // An empty name has been let through only where a Topic Alias stands for it.
  if (view.topicEnd > view.topicStart) validateTopicNameBytes(bytes, view.topicStart, view.topicEnd, start);
  const packet: PublishPacket = {
    type: "PUBLISH",
    topicName: decodeUtf8(bytes, view.topicStart, view.topicEnd),
    payload: bytes.subarray(view.payloadStart, end),
    qos: view.qos,
    retain: view.retain,
    dup: view.dup,
    properties: readMessageProperties(bytes, view.propertiesStart, view.propertiesEnd),
  };
  return view.qos === 0 ? packet : { ...packet, packetIdentifier: view.packetIdentifier };
}

function decodeConnack(cursor: PacketCursor, version: ProtocolVersion): ConnackPacket {
  const flags = cursor.readByte("Connect Acknowledge Flags");
  // MQTT 3.1 calls the whole byte unused, without demanding a value.
  if (flags > 1 && version !== 3) {
    throw cursor.malformed("a reserved Connect Acknowledge Flag is set", "MQTT-3.2.2-1", cursor.offset - 1);
  }
  const sessionPresent = (flags & 1) !== 0;
  const reasonCode = cursor.readByte("the Reason Code");
  const known =
    version === 5 ? isReasonCodeOf("CONNACK", reasonCode) : reasonCode <= LAST_CONNECT_RETURN_CODE;
  if (!known) throw cursor.broken(reasonProblem("CONNACK", reasonCode), "MQTT-3.2.2-8", cursor.offset - 1);
  if (sessionPresent && reasonCode !== 0 && version !== 3) {
    throw cursor.broken("Session Present in a refusal", "MQTT-3.2.2-6", cursor.offset - 2);
  }
  const properties = version === 5 ? decodeProperties(cursor, "CONNACK", "server") : {};
  cursor.finish();
  return { type: "CONNACK", sessionPresent, reasonCode, properties };
}

function decodeDisconnect(cursor: PacketCursor, version: ProtocolVersion, sender: Sender): DisconnectPacket {
  if (version !== 5) {
    cursor.finish();
    return { type: "DISCONNECT", reasonCode: ReasonCode.NormalDisconnection, properties: {} };
  }
  const reasonCode =
    cursor.remaining > 0 ? cursor.readByte("the Reason Code") : ReasonCode.NormalDisconnection;
  const forbidden = reasonCode === ReasonCode.DisconnectWithWillMessage && sender === "server";
  if (forbidden || !isReasonCodeOf("DISCONNECT", reasonCode)) {
    throw cursor.broken(reasonProblem("DISCONNECT", reasonCode), "MQTT-3.14.2-1", cursor.offset - 1);
  }
  const properties = cursor.remaining > 0 ? decodeProperties(cursor, "DISCONNECT", sender) : {};
  cursor.finish();
  return { type: "DISCONNECT", reasonCode: reasonCode as ReasonCode, properties };
}

function decodeAuth(cursor: PacketCursor, sender: Sender): AuthPacket {
  const isShort = cursor.remaining === 0;
  const reasonCode = isShort ? ReasonCode.Success : cursor.readByte("the Reason Code");
  // Only the server can say Success, only the client can ask to re-authenticate [MQTT 5.0, Table 3-11].
  const forbidden = reasonCode === (sender === "client" ? ReasonCode.Success : ReasonCode.Reauthenticate);
  if (forbidden || !isReasonCodeOf("AUTH", reasonCode)) {
    throw cursor.broken(reasonProblem("AUTH", reasonCode), "MQTT-3.15.2-1", cursor.offset - 1);
  }
  const properties: AuthProperties = isShort ? {} : decodeProperties(cursor, "AUTH", sender);
  cursor.finish();
  if (!isShort && properties.authenticationMethod === undefined) {
    throw cursor.broken("there is no Authentication Method", "MQTT 5.0, 3.15.2.2.2");
  }
  return { type: "AUTH", reasonCode: reasonCode as ReasonCode, properties };
}
