import type { PacketName } from "./packet-type.ts";

const CONNACK = 1;
const PUBACK = 2; // and PUBREC
const PUBREL = 4; // and PUBCOMP
const SUBACK = 8;
const UNSUBACK = 16;
const DISCONNECT = 32;
const AUTH = 64;

const PACKET_BITS: { readonly [Packet in PacketName]?: number } = {
  CONNACK,
  PUBACK,
  PUBREC: PUBACK,
  PUBREL,
  PUBCOMP: PUBREL,
  SUBACK,
  UNSUBACK,
  DISCONNECT,
  AUTH,
};

/** MQTT 5.0, Table 2-6: value, name and the packets it may stand in. A first row of a value is its general name. */
const REASONS: readonly (readonly [code: number, name: string, packets: number])[] = [
  [0x00, "Success", CONNACK | PUBACK | PUBREL | UNSUBACK | AUTH],
  [0x00, "Normal disconnection", DISCONNECT],
  [0x00, "Granted QoS 0", SUBACK],
  [0x01, "Granted QoS 1", SUBACK],
  [0x02, "Granted QoS 2", SUBACK],
  [0x04, "Disconnect with Will Message", DISCONNECT],
  [0x10, "No matching subscribers", PUBACK],
  [0x11, "No subscription existed", UNSUBACK],
  [0x18, "Continue authentication", AUTH],
  [0x19, "Re-authenticate", AUTH],
  [0x80, "Unspecified error", CONNACK | PUBACK | SUBACK | UNSUBACK | DISCONNECT],
  [0x81, "Malformed Packet", CONNACK | DISCONNECT],
  [0x82, "Protocol Error", CONNACK | DISCONNECT],
  [0x83, "Implementation specific error", CONNACK | PUBACK | SUBACK | UNSUBACK | DISCONNECT],
  [0x84, "Unsupported Protocol Version", CONNACK],
  [0x85, "Client Identifier not valid", CONNACK],
  [0x86, "Bad User Name or Password", CONNACK],
  [0x87, "Not authorized", CONNACK | PUBACK | SUBACK | UNSUBACK | DISCONNECT],
  [0x88, "Server unavailable", CONNACK],
  [0x89, "Server busy", CONNACK | DISCONNECT],
  [0x8a, "Banned", CONNACK],
  [0x8b, "Server shutting down", DISCONNECT],
  [0x8c, "Bad authentication method", CONNACK | DISCONNECT],
  [0x8d, "Keep Alive timeout", DISCONNECT],
  [0x8e, "Session taken over", DISCONNECT],
  [0x8f, "Topic Filter invalid", SUBACK | UNSUBACK | DISCONNECT],
  [0x90, "Topic Name invalid", CONNACK | PUBACK | DISCONNECT],
  [0x91, "Packet Identifier in use", PUBACK | SUBACK | UNSUBACK],
  [0x92, "Packet Identifier not found", PUBREL],
  [0x93, "Receive Maximum exceeded", DISCONNECT],
  [0x94, "Topic Alias invalid", DISCONNECT],
  [0x95, "Packet too large", CONNACK | DISCONNECT],
  [0x96, "Message rate too high", DISCONNECT],
  [0x97, "Quota exceeded", CONNACK | PUBACK | SUBACK | DISCONNECT],
  [0x98, "Administrative action", DISCONNECT],
  [0x99, "Payload format invalid", CONNACK | PUBACK | DISCONNECT],
  [0x9a, "Retain not supported", CONNACK | DISCONNECT],
  [0x9b, "QoS not supported", CONNACK | DISCONNECT],
  [0x9c, "Use another server", CONNACK | DISCONNECT],
  [0x9d, "Server moved", CONNACK | DISCONNECT],
  [0x9e, "Shared Subscriptions not supported", SUBACK | DISCONNECT],
  [0x9f, "Connection rate exceeded", CONNACK | DISCONNECT],
  [0xa0, "Maximum connect time", DISCONNECT],
  [0xa1, "Subscription Identifiers not supported", SUBACK | DISCONNECT],
  [0xa2, "Wildcard Subscriptions not supported", SUBACK | DISCONNECT],
];

const PACKETS_BY_CODE: Uint8Array = packetsByCode();

function packetsByCode(): Uint8Array {
  const table = new Uint8Array(256);
  for (const [code, , packets] of REASONS) table[code]! |= packets;
  return table;
}

/** Whether MQTT 5.0 lets `packet` carry the Reason Code `code`. */
export function isReasonCodeOf(packet: PacketName, code: number): boolean {
  return ((PACKETS_BY_CODE[code] ?? 0) & (PACKET_BITS[packet] ?? 0)) !== 0;
}

/** The spec's name of a Reason Code. 0x00 has three names: `packet` tells which is meant. */
export function reasonName(code: number, packet?: PacketName): string {
  const bit = packet === undefined ? 0 : (PACKET_BITS[packet] ?? 0);
  const named = REASONS.filter((reason) => reason[0] === code);
  const reason = named.find((candidate) => (candidate[2] & bit) !== 0) ?? named[0];
  return reason?.[1] ?? `Reason Code 0x${code.toString(16).padStart(2, "0")}`;
}
