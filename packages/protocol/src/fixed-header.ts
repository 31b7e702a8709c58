import { type PacketName, PacketType, type Sender } from "./packet-type.ts";
import { ProtocolError } from "./protocol-error.ts";
import type { ProtocolVersion } from "./protocol-version.ts";
import { ReasonCode } from "./reason-code.ts";

/** Who may send a packet; the packets that are not named may come from both sides. */
const ONLY_SENDER: { readonly [Packet in PacketName]?: Sender } = {
  CONNECT: "client",
  CONNACK: "server",
  SUBSCRIBE: "client",
  SUBACK: "server",
  UNSUBSCRIBE: "client",
  UNSUBACK: "server",
  PINGREQ: "client",
  PINGRESP: "server",
};

/** Bits 3-0 of the first byte [MQTT 5.0, Table 2-2]. Those of PUBLISH carry a meaning. */
export function fixedHeaderFlags(packet: PacketName): number {
  return packet === "PUBREL" || packet === "SUBSCRIBE" || packet === "UNSUBSCRIBE" ? 0b0010 : 0;
}

export function checkFixedHeaderFlags(packet: PacketName, firstByte: number, version: ProtocolVersion): void {
  // MQTT 3.1 sets DUP on packets sent again and leaves the other bits unused, without demanding a value.
  if (version === 3) return;
  if ((firstByte & 0x0f) === fixedHeaderFlags(packet)) return;
  const context = { packet, offset: 0, clause: FLAG_CLAUSES[packet] ?? "MQTT-2.1.3-1" };
  throw new ProtocolError(
    ReasonCode.MalformedPacket,
    "a reserved flag of the fixed header is wrong",
    context,
  );
}

const FLAG_CLAUSES: { readonly [Packet in PacketName]?: string } = {
  PUBREL: "MQTT-3.6.1-1",
  SUBSCRIBE: "MQTT-3.8.1-1",
  UNSUBSCRIBE: "MQTT-3.10.1-1",
  DISCONNECT: "MQTT-3.14.1-1",
  AUTH: "MQTT-3.15.1-1",
};

/** Refuses a packet that `sender` may not send, or that `version` does not have. */
export function checkDirection(packet: PacketName, version: ProtocolVersion, sender: Sender): void {
  if (packet === "AUTH" && version !== 5) {
    const context = { packet, offset: 0, clause: "MQTT 3.1.1, 2.2.1" };
    throw new ProtocolError(
      ReasonCode.MalformedPacket,
      "packet type 15 is reserved before MQTT 5.0",
      context,
    );
  }
  const onlySender = packet === "DISCONNECT" && version !== 5 ? "client" : ONLY_SENDER[packet];
  if (onlySender === undefined || onlySender === sender) return;
  const context = { packet, offset: 0, clause: "MQTT 5.0, 2.1.2" };
  throw new ProtocolError(ReasonCode.ProtocolError, `a ${sender} may not send this packet`, context);
}

/** First byte of a packet. */
export function firstByteOf(packet: PacketName, flags: number = fixedHeaderFlags(packet)): number {
  return (PacketType[packet] << 4) | flags;
}
