import { type ControlPacket, encodePacket, type ProtocolVersion } from "@dunlin/protocol";

/** What a client allows to be sent to it. */
export interface PacketAllowance {
  readonly protocolVersion: ProtocolVersion;
  readonly maximumPacketSize: number;
  readonly requestProblemInformation: boolean;
}

/**
 * Encodes a packet for a client. Reason String and User Properties are left out where the client does not want
 * them [MQTT-3.1.2-29] or they would make the packet too large for it [MQTT-3.2.2-19, MQTT-3.2.2-20]; undefined
 * where it is too large even so [MQTT-3.1.2-24].
 */
export function fitPacket(packet: ControlPacket, allowance: PacketAllowance): Uint8Array | undefined {
  const { protocolVersion, maximumPacketSize, requestProblemInformation } = allowance;
  if (protocolVersion < 5) return encodePacket(packet, protocolVersion);
  const mayExplain = requestProblemInformation || packet.type === "CONNACK" || packet.type === "DISCONNECT";
  const encoded = encodePacket(mayExplain ? packet : withoutExplanation(packet), protocolVersion);
  if (encoded.length <= maximumPacketSize) return encoded;
  const bare = encodePacket(withoutExplanation(packet), protocolVersion);
  return bare.length <= maximumPacketSize ? bare : undefined;
}

function withoutExplanation(packet: ControlPacket): ControlPacket {
  if (!("properties" in packet) || packet.type === "PUBLISH") return packet;
  const properties = { ...packet.properties, reasonString: undefined, userProperties: undefined };
  return { ...packet, properties } as ControlPacket;
}
