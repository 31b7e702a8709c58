import type { ControlPacket, ProtocolVersion, Sender } from "../src/index.ts";

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

/** A row of a table of invalid packets that share a version and a sender. */
export type InvalidRow = readonly [title: string, bytes: string, reasonCode: number, clause: string];

export function invalidCases(
  version: ProtocolVersion,
  sender: Sender,
  rows: readonly InvalidRow[],
): InvalidPacketCase[] {
  return rows.map(([title, bytes, reasonCode, clause]) => ({
    title: `${title} (version ${version}, from a ${sender})`,
    version,
    sender,
    bytes,
    reasonCode,
    clause,
  }));
}
