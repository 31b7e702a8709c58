import type { Socket } from "node:net";
import type { StreamOrigin } from "../ports/byte-stream.ts";

/** Undefined where the peer has gone already. */
export function socketOrigin(socket: Socket, transport: StreamOrigin["transport"]): StreamOrigin | undefined {
  const { remoteAddress, remotePort } = socket;
  if (remoteAddress === undefined || remotePort === undefined) return undefined;
  return { transport, remoteAddress: plainAddress(remoteAddress), remotePort };
}

/** An IPv4 address that an IPv6 socket shows as "::ffff:192.0.2.1" is told as IPv4, so that both count as one. */
export function plainAddress(address: string): string {
  return address.startsWith("::ffff:") && address.includes(".") ? address.slice(7) : address;
}
