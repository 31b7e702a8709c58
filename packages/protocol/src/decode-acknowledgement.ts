import { decodeProperties } from "./decode-properties.ts";
import { checkFixedHeaderFlags } from "./fixed-header.ts";
import { PacketCursor } from "./packet-cursor.ts";
import { type PacketName, packetNameOf } from "./packet-type.ts";
import type {
  AcknowledgementProperties,
  PubackPacket,
  PubcompPacket,
  PubrecPacket,
  PubrelPacket,
} from "./packets.ts";
import { ProtocolError } from "./protocol-error.ts";
import type { ProtocolVersion } from "./protocol-version.ts";
import { ReasonCode } from "./reason-code.ts";
import { isReasonCodeOf } from "./reason-name.ts";

type AcknowledgementName = "PUBACK" | "PUBREC" | "PUBREL" | "PUBCOMP";

/** A PUBACK, PUBREC, PUBREL or PUBCOMP read in place; one instance is reused for every packet. */
export class AcknowledgementView {
  packetIdentifier = 0;
  /** 0 before MQTT 5.0. */
  reasonCode = 0;
}

/**
 * Reads the PUBACK, PUBREC, PUBREL or PUBCOMP in `bytes` from `start` to `end` and checks all of it. Allocates
 * nothing unless the packet has properties, which are checked and dropped.
 */
export function decodeAcknowledgementView(
  view: AcknowledgementView,
  bytes: Uint8Array,
  start: number,
  bodyStart: number,
  end: number,
  version: ProtocolVersion,
): void {
  const packet = packetNameOf(bytes[start]! >> 4)!;
  checkFixedHeaderFlags(packet, bytes[start]!, version);
  const length = end - bodyStart;
  if (length < 2 || (version !== 5 && length > 2)) {
    throw malformed(packet, `a Remaining Length of ${length}`, 1, "MQTT 5.0, 2.1.4");
  }
  const packetIdentifier = (bytes[bodyStart]! << 8) | bytes[bodyStart + 1]!;
  if (packetIdentifier === 0) {
    const context = { packet, offset: bodyStart - start, clause: "MQTT-2.2.1-5" };
    throw new ProtocolError(ReasonCode.ProtocolError, "the Packet Identifier is 0", context);
  }
  const reasonCode = length > 2 ? bytes[bodyStart + 2]! : ReasonCode.Success;
  if (reasonCode !== ReasonCode.Success && !isReasonCodeOf(packet, reasonCode)) {
    const context = { packet, offset: bodyStart + 2 - start, clause: REASON_CLAUSES[packet] };
    throw new ProtocolError(ReasonCode.ProtocolError, reasonProblem(packet, reasonCode), context);
  }
  view.packetIdentifier = packetIdentifier;
  view.reasonCode = reasonCode;
  if (length > 3) decodeAcknowledgementProperties(packet, bytes, start, bodyStart, end);
}

/** The packet as an object. */
export function decodeAcknowledgement(
  type: AcknowledgementName,
  bytes: Uint8Array,
  start: number,
  bodyStart: number,
  end: number,
  version: ProtocolVersion,
): PubackPacket | PubrecPacket | PubrelPacket | PubcompPacket {
  const view = new AcknowledgementView();
  decodeAcknowledgementView(view, bytes, start, bodyStart, end, version);
  const properties =
    end - bodyStart > 3 ? decodeAcknowledgementProperties(type, bytes, start, bodyStart, end) : {};
  const reasonCode = view.reasonCode as ReasonCode;
  return { type, packetIdentifier: view.packetIdentifier, reasonCode, properties };
}

function decodeAcknowledgementProperties(
  packet: PacketName,
  bytes: Uint8Array,
  start: number,
  bodyStart: number,
  end: number,
): AcknowledgementProperties {
  const cursor = new PacketCursor(packet, bytes, start, bodyStart + 3, end);
  const properties = decodeProperties(cursor, packet, "client");
  cursor.finish();
  return properties;
}

const REASON_CLAUSES: { readonly [Packet in PacketName]?: string } = {
  PUBACK: "MQTT-3.4.2-1",
  PUBREC: "MQTT-3.5.2-1",
  PUBREL: "MQTT-3.6.2-1",
  PUBCOMP: "MQTT-3.7.2-1",
};

export function reasonProblem(packet: PacketName, reasonCode: number): string {
  return `0x${reasonCode.toString(16).padStart(2, "0")} is not a Reason Code of ${packet}`;
}

function malformed(packet: PacketName, message: string, offset: number, clause: string): ProtocolError {
  return new ProtocolError(ReasonCode.MalformedPacket, message, { packet, offset, clause });
}
