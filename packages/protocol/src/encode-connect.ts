import { propertiesSize, writeProperties } from "./encode-properties.ts";
import {
  binarySize,
  checkInteger,
  stringSize,
  writeBinary,
  writeString,
  writeTwoByteInteger,
} from "./field-writer.ts";
import type { ConnectPacket } from "./packets.ts";

const BRIDGE_BIT = 0x80;

function protocolName(packet: ConnectPacket): string {
  return packet.protocolVersion === 3 ? "MQIsdp" : "MQTT";
}

/** Size of all behind the fixed header. Throws a RangeError for a value that has no encoding. */
export function connectBodySize(packet: ConnectPacket): number {
  const { protocolVersion: version, will, userName, password } = packet;
  checkInteger("protocolVersion", version, 3, 5);
  checkInteger("keepAliveSeconds", packet.keepAliveSeconds, 0, 0xffff);
  if (version !== 5 && password !== undefined && userName === undefined) {
    throw new RangeError("password needs a userName before MQTT 5.0"); // [MQTT 3.1.1, 3.1.2.9]
  }
  if (version === 5 && packet.bridge) throw new RangeError("bridge has no encoding in MQTT 5.0");
  let size = 2 + protocolName(packet).length + 1 + 1 + 2;
  if (version === 5) size += propertiesSize("CONNECT", packet.properties);
  size += stringSize("clientId", packet.clientId);
  if (will !== undefined) {
    checkInteger("will.qos", will.qos, 0, 2);
    if (version === 5) size += propertiesSize("WILL", will.properties);
    size += stringSize("will.topicName", will.topicName) + binarySize("will.payload", will.payload);
  }
  if (userName !== undefined) size += stringSize("userName", userName);
  if (password !== undefined) size += binarySize("password", password);
  return size;
}

export function writeConnectBody(target: Uint8Array, offset: number, packet: ConnectPacket): number {
  const { protocolVersion: version, will, userName, password } = packet;
  let next = writeString(target, offset, protocolName(packet));
  target[next++] = packet.bridge ? version | BRIDGE_BIT : version;
  target[next++] = connectFlags(packet);
  next = writeTwoByteInteger(target, next, packet.keepAliveSeconds);
  if (version === 5) next = writeProperties(target, next, "CONNECT", packet.properties);
  // The order of the payload's fields is fixed [MQTT-3.1.3-1].
  next = writeString(target, next, packet.clientId);
  if (will !== undefined) {
    if (version === 5) next = writeProperties(target, next, "WILL", will.properties);
    next = writeString(target, next, will.topicName);
    next = writeBinary(target, next, will.payload);
  }
  if (userName !== undefined) next = writeString(target, next, userName);
  if (password !== undefined) next = writeBinary(target, next, password);
  return next;
}

function connectFlags(packet: ConnectPacket): number {
  const { will, userName, password } = packet;
  let flags = packet.cleanStart ? 0x02 : 0;
  if (will !== undefined) flags |= 0x04 | (will.qos << 3) | (will.retain ? 0x20 : 0);
  if (password !== undefined) flags |= 0x40;
  if (userName !== undefined) flags |= 0x80;
  return flags;
}
