import type { Socket } from "node:net";
import { type ConnectionLimits, defaultLimits } from "../options.ts";

/**
 * Connections that are not yet streams, because a PROXY header, a TLS handshake or a WebSocket upgrade comes first.
 * Each has until the listener's `connectTimeoutMs`; there are at most `maximumConnections` of them.
 */
export class PendingConnections {
  readonly #timers = new Map<Socket, NodeJS.Timeout>();
  readonly #timeoutMs: number;
  readonly #maximum: number;

  constructor(limits: Partial<ConnectionLimits>) {
    this.#timeoutMs = limits.connectTimeoutMs ?? defaultLimits.connectTimeoutMs;
    this.#maximum = limits.maximumConnections ?? defaultLimits.maximumConnections;
  }

  /** False, and the connection is closed, where there are too many. */
  admit(socket: Socket): boolean {
    if (this.#timers.size >= this.#maximum) {
      socket.destroy();
      return false;
    }
    const timer = setTimeout(() => socket.destroy(), this.#timeoutMs);
    this.#timers.set(socket, timer);
    // 'close' follows and is what counts.
    socket.on("error", () => {});
    socket.once("close", () => this.release(socket));
    return true;
  }

  /** The connection has become a stream, or is closed. */
  release(socket: Socket): void {
    clearTimeout(this.#timers.get(socket));
    this.#timers.delete(socket);
  }

  destroyAll(): void {
    for (const socket of this.#timers.keys()) socket.destroy();
  }
}
