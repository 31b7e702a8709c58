import { type PacketName, reasonName } from "@dunlin/protocol";

/** There is no connection: it could not be made, or it was lost. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";
}

/** The broker answered with a Reason Code of 0x80 or more. */
export class RefusedError extends Error {
  override readonly name = "RefusedError";
}

/** `Not authorized (0x87)`, with the broker's own words where these say more. */
export function describeReason(code: number, packet: PacketName, reasonString: string | undefined): string {
  const name = reasonName(code, packet);
  const known = `${name} (0x${code.toString(16).toUpperCase().padStart(2, "0")})`;
  const saysMore = reasonString !== undefined && !reasonString.toLowerCase().includes(name.toLowerCase());
  return saysMore ? `${known}: ${reasonString}` : known;
}

/** Connect Return codes of MQTT 3.1 and 3.1.1, in words. */
const RETURN_CODES = [
  "accepted",
  "unacceptable protocol version",
  "identifier rejected",
  "server unavailable",
  "bad user name or password",
  "not authorized",
];

export function describeReturnCode(code: number): string {
  return `${RETURN_CODES[code] ?? "refused"} (${code})`;
}
