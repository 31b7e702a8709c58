import { INVALID_CONNECT_CASES } from "./invalid-connect-cases.ts";
import { INVALID_PACKET_CASES } from "./invalid-packet-cases.ts";
import type { InvalidPacketCase, ValidPacketCase } from "./packet-case.ts";
import { VALID_CONNECT_CASES } from "./valid-connect-cases.ts";
import { VALID_PACKET_CASES } from "./valid-packet-cases.ts";

/** The one table of valid packets: it drives decoding, encoding and fuzzing. */
export const validPacketCases: readonly ValidPacketCase[] = [...VALID_CONNECT_CASES, ...VALID_PACKET_CASES];

/** The one table of packets that must be refused. */
export const invalidPacketCases: readonly InvalidPacketCase[] = [
  ...INVALID_CONNECT_CASES,
  ...INVALID_PACKET_CASES,
];
