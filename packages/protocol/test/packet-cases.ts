import type { ControlPacket, ProtocolVersion, Sender } from "../src/index.ts";
import { INVALID_CONNECT_CASES } from "./invalid-connect-cases.ts";
import { INVALID_PACKET_CASES } from "./invalid-packet-cases.ts";
import { VALID_CONNECT_CASES } from "./valid-connect-cases.ts";
import { VALID_PACKET_CASES } from "./valid-packet-cases.ts";

/** Bytes, in the notation of `bytesOf`, and the packet they stand for. */
export interface ValidPacketCase {
  readonly title: string;
  readonly version: ProtocolVersion;
  readonly sender: Sender;
  readonly bytes: string;
  readonly packet: ControlPacket;
  /** What the packet is encoded to where a receiver must take more forms than a sender writes. */
  readonly encoded?: string;
}

/** Bytes, in the notation of `bytesOf`, that break a rule, and how the decoder says so. */
export interface InvalidPacketCase {
  readonly title: string;
  readonly version: ProtocolVersion;
  readonly sender: Sender;
  readonly bytes: string;
  readonly reasonCode: number;
  readonly clause: string;
}

/** The one table of valid packets: it drives decoding, encoding and fuzzing. */
export const validPacketCases: readonly ValidPacketCase[] = [...VALID_CONNECT_CASES, ...VALID_PACKET_CASES];

/** The one table of packets that must be refused. */
export const invalidPacketCases: readonly InvalidPacketCase[] = [
  ...INVALID_CONNECT_CASES,
  ...INVALID_PACKET_CASES,
];
