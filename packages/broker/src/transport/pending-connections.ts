import type { Socket } from "node:net";
import type { ListenerHost } from "../ports/listener.ts";

interface PendingConnection {
  readonly timer: NodeJS.Timeout;
  readonly remoteAddress: string;
  /** Why it will end without having become a stream. */
  reason: string;
}

/**
 * Connections that are not yet streams, because a PROXY header, a TLS handshake or a WebSocket upgrade comes first.
 * Each has `connectTimeoutMs`; there are at most `maximumConnections` of them, and `maximumConnectionsPerAddress` from
 * one address.
 */
export class PendingConnections {
  readonly #host: ListenerHost;
  readonly #pending = new Map<Socket, PendingConnection>();
  readonly #byAddress = new Map<string, number>();

  constructor(host: ListenerHost) {
    this.#host = host;
  }

  /** False, and the connection is closed, where there are too many. */
  admit(socket: Socket, remoteAddress: string, isProxy: boolean): boolean {
    const { limits } = this.#host;
    const fromThere = this.#byAddress.get(remoteAddress) ?? 0;
    const limit =
      this.#pending.size >= limits.maximumConnections
        ? "maximumConnections"
        : !isProxy && fromThere >= limits.maximumConnectionsPerAddress
          ? "maximumConnectionsPerAddress"
          : undefined;
    // 'close' follows and is what counts.
    socket.on("error", () => {});
    if (limit !== undefined) {
      socket.destroy();
      this.#host.onRefused({ remoteAddress, reason: `the limit ${limit} is reached`, limit });
      return false;
    }
    const timer = setTimeout(() => this.#onTimeout(socket), limits.connectTimeoutMs);
    this.#pending.set(socket, { timer, remoteAddress, reason: "the client left before it was connected" });
    this.#byAddress.set(remoteAddress, fromThere + 1);
    socket.once("close", () => this.#onClose(socket));
    return true;
  }

  /** Says why the connection is about to end. */
  note(socket: Socket, reason: string): void {
    const pending = this.#pending.get(socket);
    if (pending !== undefined) pending.reason = reason;
  }

  /** The connection has become a stream. */
  release(socket: Socket): void {
    this.#remove(socket);
  }

  destroyAll(): void {
    for (const socket of this.#pending.keys()) {
      this.#remove(socket);
      socket.destroy();
    }
  }

  #onTimeout(socket: Socket): void {
    const { limits, onRefused } = this.#host;
    const pending = this.#remove(socket);
    socket.destroy();
    if (pending === undefined) return;
    const reason = `not connected within ${limits.connectTimeoutMs} ms`;
    onRefused({ remoteAddress: pending.remoteAddress, reason, limit: "connectTimeoutMs" });
  }

  #onClose(socket: Socket): void {
    const pending = this.#remove(socket);
    if (pending === undefined) return;
    this.#host.onRefused({ remoteAddress: pending.remoteAddress, reason: pending.reason });
  }

  #remove(socket: Socket): PendingConnection | undefined {
    const pending = this.#pending.get(socket);
    if (pending === undefined) return undefined;
    clearTimeout(pending.timer);
    this.#pending.delete(socket);
    const left = (this.#byAddress.get(pending.remoteAddress) ?? 1) - 1;
    if (left > 0) this.#byAddress.set(pending.remoteAddress, left);
    else this.#byAddress.delete(pending.remoteAddress);
    return pending;
  }
}
