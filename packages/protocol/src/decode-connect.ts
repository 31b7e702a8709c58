import { decodeProperties } from "./decode-properties.ts";
import { checkFixedHeaderFlags } from "./fixed-header.ts";
import { PacketCursor } from "./packet-cursor.ts";
import type { ConnectPacket, ConnectProperties, QoS, Will, WillProperties } from "./packets.ts";
import { ProtocolError, UnsupportedProtocolVersionError } from "./protocol-error.ts";
import type { ProtocolVersion } from "./protocol-version.ts";
import { validateTopicNameBytes } from "./topic-name.ts";

const CLEAN_START = 0x02;
const WILL_FLAG = 0x04;
const WILL_RETAIN = 0x20;
const PASSWORD_FLAG = 0x40;
const USER_NAME_FLAG = 0x80;
const BRIDGE_BIT = 0x80;

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** Reads a CONNECT, which itself says its version, behind the fixed header. */
export function decodeConnect(cursor: PacketCursor): ConnectPacket {
  const level = readProtocolLevel(cursor);
  const protocolVersion = (level & ~BRIDGE_BIT) as ProtocolVersion;
  checkFixedHeaderFlags("CONNECT", cursor.bytes[cursor.start]!, protocolVersion);
  const flagsOffset = cursor.offset;
  const flags = cursor.readByte("Connect Flags");
  checkConnectFlags(cursor, flags, flagsOffset, protocolVersion);
  const keepAliveSeconds = cursor.readTwoByteInteger("Keep Alive");
  const properties = protocolVersion === 5 ? decodeConnectProperties(cursor) : {};
  // The order of the payload's fields is fixed [MQTT-3.1.3-1].
  const packet: Mutable<ConnectPacket> = {
    type: "CONNECT",
    protocolVersion,
    cleanStart: (flags & CLEAN_START) !== 0,
    keepAliveSeconds,
    clientId: cursor.readString("the Client Identifier"), // [MQTT-3.1.3-4]
    properties,
  };
  if ((flags & WILL_FLAG) !== 0) packet.will = readWill(cursor, flags, protocolVersion);
  // In MQTT 3.1 the Remaining Length takes precedence over the flags: the strings may be missing.
  if ((flags & USER_NAME_FLAG) !== 0 && !(protocolVersion === 3 && cursor.remaining === 0)) {
    packet.userName = cursor.readString("the User Name"); // [MQTT-3.1.3-12]
  }
  if ((flags & PASSWORD_FLAG) !== 0 && !(protocolVersion === 3 && cursor.remaining === 0)) {
    packet.password = cursor.readBinary("the Password");
  }
  if ((level & BRIDGE_BIT) !== 0) packet.bridge = true;
  // What no flag announces must not be there [MQTT-3.1.2-16] [MQTT-3.1.2-18].
  cursor.finish();
  return packet;
}

/**
 * The version that the CONNECT with its body from `bodyStart` to `end` names, undefined where it names none that
 * is spoken here. For the answer to a CONNECT that `decodePacket` refuses: only MQTT 5.0 has Reason Codes.
 */
export function peekProtocolVersion(
  bytes: Uint8Array,
  bodyStart: number,
  end: number,
): ProtocolVersion | undefined {
  try {
    const level = readProtocolLevel(new PacketCursor("CONNECT", bytes, bodyStart, bodyStart, end));
    return (level & ~BRIDGE_BIT) as ProtocolVersion;
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

/** The level byte as sent, so with the bridge bit. */
function readProtocolLevel(cursor: PacketCursor): number {
  const nameOffset = cursor.offset;
  const name = cursor.readString("the Protocol Name");
  const isMqtt = name === "MQTT";
  // Whatever stands behind another name may be no level at all.
  if (!isMqtt && name !== "MQIsdp")
    throw new UnsupportedProtocolVersionError(name, 0, nameOffset - cursor.start);
  const level = cursor.readByte("the Protocol Level");
  const supported = isMqtt
    ? level === 5 || (level & ~BRIDGE_BIT) === 4 // [MQTT-3.1.2-1]
    : (level & ~BRIDGE_BIT) === 3;
  if (!supported) throw new UnsupportedProtocolVersionError(name, level, cursor.offset - 1 - cursor.start);
  return level;
}

function checkConnectFlags(
  cursor: PacketCursor,
  flags: number,
  offset: number,
  version: ProtocolVersion,
): void {
  if ((flags & WILL_FLAG) !== 0) {
    if (willQoS(flags) === 3) throw cursor.malformed("the Will QoS is 3", "MQTT-3.1.2-12", offset);
  } else if (version !== 3) {
    // MQTT 3.1 disregards both without a Will Flag.
    if (willQoS(flags) !== 0) throw cursor.malformed("a Will QoS without Will Flag", "MQTT-3.1.2-11", offset);
    if ((flags & WILL_RETAIN) !== 0) {
      throw cursor.malformed("Will Retain without Will Flag", "MQTT-3.1.2-13", offset);
    }
  }
  if (version !== 3 && (flags & 1) !== 0) {
    throw cursor.malformed("the reserved Connect Flag is set", "MQTT-3.1.2-3", offset);
  }
  if (version !== 5 && (flags & (USER_NAME_FLAG | PASSWORD_FLAG)) === PASSWORD_FLAG) {
    throw cursor.malformed("a Password without a User Name", "MQTT 3.1.1, 3.1.2.9", offset);
  }
}

function willQoS(flags: number): number {
  return (flags >> 3) & 3;
}

function decodeConnectProperties(cursor: PacketCursor): ConnectProperties {
  const offset = cursor.offset;
  const properties = decodeProperties(cursor, "CONNECT", "client") as ConnectProperties;
  if (properties.authenticationData !== undefined && properties.authenticationMethod === undefined) {
    throw cursor.broken("Authentication Data without Authentication Method", "MQTT 5.0, 3.1.2.11.10", offset);
  }
  return properties;
}

function readWill(cursor: PacketCursor, flags: number, version: ProtocolVersion): Will {
  const properties = version === 5 ? (decodeProperties(cursor, "WILL", "client") as WillProperties) : {};
  const topicOffset = cursor.offset;
  const topicName = cursor.readString("the Will Topic"); // [MQTT-3.1.3-11]
  validateTopicNameBytes(cursor.bytes, topicOffset + 2, cursor.offset, cursor.start, "CONNECT");
  const payload = cursor.readBinary("the Will Payload");
  return { topicName, payload, qos: willQoS(flags) as QoS, retain: (flags & WILL_RETAIN) !== 0, properties };
}
