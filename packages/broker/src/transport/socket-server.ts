import { type AddressInfo, createServer, type ListenOptions, type Server, type Socket } from "node:net";
import { BrokerError } from "../errors.ts";
import type { ListenerHost } from "../ports/listener.ts";
import { listen } from "./listen.ts";
import { acceptHandles, type HandleIo, type StreamHandle } from "./stream-handle.ts";

/** A socket that listens, on a port or a path. */
export class SocketServer {
  #server: Server | undefined;

  /**
   * Resolves with the port it listens on; 0 for a path. With `onHandle`, connections come without a socket where this
   * Node can do that.
   */
  async start(
    listenerName: string,
    address: ListenOptions,
    onSocket: (socket: Socket) => void,
    host?: ListenerHost,
    onHandle?: (handle: StreamHandle, io: HandleIo) => void,
  ): Promise<number> {
    if (this.#server !== undefined) {
      throw new BrokerError("DUNLIN_STATE", `listener "${listenerName}" is started already; stop it first`);
    }
    const server = createServer();
    this.#server = server;
    try {
      await listen(server, address, listenerName);
    } catch (error) {
      if (this.#server === server) this.#server = undefined;
      throw error;
    }
    // From now on errors are about single connections that could not be accepted; their clients try again.
    server.on("error", ({ message: reason }) => host?.onRefused({ remoteAddress: "", reason }));
    server.on("connection", onSocket);
    if (onHandle !== undefined) acceptHandles(server, onHandle);
    return (server.address() as AddressInfo).port ?? 0;
  }

  stop(): void {
    // Its callback would wait for the connections that stay open; port and path are free at once.
    this.#server?.close();
    this.#server = undefined;
  }
}
