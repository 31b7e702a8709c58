import type { Socket } from "node:net";
import type { StreamOrigin } from "../ports/byte-stream.ts";
import type { StreamHandle } from "./stream-handle.ts";

/** Undefined where the peer has gone already. */
export function socketOrigin(socket: Socket, transport: StreamOrigin["transport"]): StreamOrigin | undefined {
  const { remoteAddress, remotePort } = socket;
  return originOf(transport, remoteAddress, remotePort);
}

/** As `socketOrigin`. */
export function handleOrigin(
  handle: StreamHandle,
  transport: StreamOrigin["transport"],
): StreamOrigin | undefined {
  const peer: { address?: string; port?: number } = {};
  handle.getpeername?.(peer);
  return originOf(transport, peer.address, peer.port);
}

function originOf(
  transport: StreamOrigin["transport"],
  remoteAddress: string | undefined,
  remotePort: number | undefined,
): StreamOrigin | undefined {
  if (remoteAddress === undefined || remotePort === undefined) return undefined;
  return { transport, remoteAddress: plainAddress(remoteAddress), remotePort };
}

/** An IPv4 address that an IPv6 socket shows as "::ffff:192.0.2.1" is told as IPv4, so that both count as one. */
export function plainAddress(address: string): string {
  return address.startsWith("::ffff:") && address.includes(".") ? address.slice(7) : address;
}
