/** MQTT Control Packet types, bits 7-4 of the first byte [MQTT 5.0, 2.1.2]. */
export const PacketType = {
  CONNECT: 1,
  CONNACK: 2,
  PUBLISH: 3,
  PUBACK: 4,
  PUBREC: 5,
  PUBREL: 6,
  PUBCOMP: 7,
  SUBSCRIBE: 8,
  SUBACK: 9,
  UNSUBSCRIBE: 10,
  UNSUBACK: 11,
  PINGREQ: 12,
  PINGRESP: 13,
  DISCONNECT: 14,
  AUTH: 15,
} as const;

export type PacketType = (typeof PacketType)[keyof typeof PacketType];
export type PacketName = keyof typeof PacketType;

/** Who sent a packet: a client may not send CONNACK, a server may not send SUBSCRIBE, and so on. */
export type Sender = "client" | "server";

const NAMES: readonly (PacketName | undefined)[] = [
  undefined,
  ...(Object.keys(PacketType) as PacketName[]).sort((left, right) => PacketType[left] - PacketType[right]),
];

/** The name of a packet type, 1 to 15; undefined for 0, which is reserved. */
export function packetNameOf(type: number): PacketName | undefined {
  return NAMES[type];
}
