import type { Socket } from "node:net";
import { type ProxySource, parseProxyHeader } from "./proxy-header.ts";

/**
 * Reads the PROXY header off `socket`, then calls back; what came after it is left to be read. Where the header is
 * wrong, `onInvalid` is told and the socket destroyed. How long to wait for it is the caller's to say.
 */
export function readProxyHeader(
  socket: Socket,
  onHeader: (source: ProxySource | undefined) => void,
  onInvalid: (reason: string) => void,
): void {
  let bytes: Buffer = Buffer.alloc(0);
  const onData = (chunk: Buffer): void => {
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
    const header = parseProxyHeader(bytes);
    if (header.outcome === "incomplete") return;
    socket.off("data", onData);
    if (header.outcome === "invalid") {
      onInvalid(header.reason);
      socket.destroy();
      return;
    }
    socket.pause();
    if (bytes.length > header.length) socket.unshift(bytes.subarray(header.length));
    onHeader(header.source);
  };
  socket.on("data", onData);
}
