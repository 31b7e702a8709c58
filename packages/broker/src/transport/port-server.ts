import type { Socket } from "node:net";
import { BrokerError } from "../errors.ts";
import { type ConnectionLimits, defaultLimits } from "../options.ts";
import type { StreamOrigin } from "../ports/byte-stream.ts";
import type { ListenerHost } from "../ports/listener.ts";
import { formatHostAndPort } from "./listen.ts";
import { PendingConnections } from "./pending-connections.ts";
import type { ProxySource } from "./proxy-header.ts";
import { readProxyHeader } from "./read-proxy-header.ts";
import { SocketServer } from "./socket-server.ts";
import type { HandleIo, StreamHandle } from "./stream-handle.ts";
import { handleOrigin, socketOrigin } from "./stream-origin.ts";

export interface PortListenerOptions {
  /** Stands in logs, events and counters. Default: transport and port, such as "tcp:1883". */
  readonly name?: string;
  /** An address of this machine, or a name of one; "0.0.0.0" or "::" for all of them. Default "127.0.0.1". */
  readonly host?: string;
  /** 0: any that is free. Default 1883, with TLS 8883, for WebSockets 8083. */
  readonly port?: number;
  /**
   * Whether each connection begins with a PROXY protocol header (version 1 or 2), which tells the client's address
   * in place of the proxy's. Only for a listener that none but the proxy can reach. Default false.
   */
  readonly proxyProtocol?: boolean;
  /** What this listener allows otherwise than the broker's own limits. */
  readonly limits?: Partial<ConnectionLimits>;
}

/** A connection on its way to becoming a stream. */
export interface IncomingConnection {
  /** As accepted; what `PendingConnections` knows it by. */
  readonly accepted: Socket;
  /** What to read and write: `accepted`, or the TLS socket over it. */
  readonly socket: Socket;
  readonly origin: StreamOrigin;
}

/** Takes a connection of which no socket has been made. */
export type HandleTaker = (handle: StreamHandle, io: HandleIo, origin: StreamOrigin) => void;

/** Accepts connections on a TCP port and learns where they come from. */
export class PortServer {
  readonly name: string;
  readonly limits: Partial<ConnectionLimits>;
  readonly #transport: StreamOrigin["transport"];
  readonly #host: string;
  readonly #proxyProtocol: boolean;
  readonly #server = new SocketServer();
  #port: number;
  #pending: PendingConnections | undefined;

  constructor(options: PortListenerOptions, transport: StreamOrigin["transport"], defaultPort: number) {
    const { host = "127.0.0.1", port = defaultPort, name = `${transport}:${port}`, limits = {} } = options;
    if (!Number.isInteger(port) || port < 0 || port > 65_535) {
      const remedy = "use 1 to 65535, or 0 for any that is free";
      throw new BrokerError("DUNLIN_OPTION", `listener "${name}": there is no port ${port}; ${remedy}`);
    }
    // Node would take no host for every address of the machine.
    if (host === "") {
      throw new BrokerError(
        "DUNLIN_OPTION",
        `listener "${name}": its host is empty; name an address, or leave it out`,
      );
    }
    this.name = name;
    this.limits = limits;
    this.#transport = transport;
    this.#host = host;
    this.#proxyProtocol = options.proxyProtocol ?? false;
    this.#port = port;
  }

  /** Valid once started. */
  get pending(): PendingConnections {
    return this.#pending!;
  }

  get hostAndPort(): string {
    return formatHostAndPort(this.#host, this.#port);
  }

  /**
   * The connection handed over is one of `pending`, and the taker releases it. With `onHandle`, nothing comes between
   * accepting and the stream but the PROXY header; where that does not either, no connection is ever pending.
   */
  async start(
    handOver: (connection: IncomingConnection) => void,
    host: ListenerHost = { limits: { ...defaultLimits, ...this.limits }, onRefused() {} },
    onHandle?: HandleTaker,
  ): Promise<void> {
    const direct = onHandle !== undefined && !this.#proxyProtocol;
    const pending = new PendingConnections(host);
    this.#pending = pending;
    const onSocket = (socket: Socket): void => {
      const connection = this.#accept(socket);
      if (connection === undefined) return;
      const { remoteAddress } = connection.origin;
      if (direct) handOver(connection);
      else if (!pending.admit(socket, remoteAddress, this.#proxyProtocol)) return;
      else if (this.#proxyProtocol) this.#learnSource(connection, handOver);
      else handOver(connection);
    };
    const address = { host: this.#host, port: this.#port };
    const takeHandle = (handle: StreamHandle, io: HandleIo): void => {
      const origin = handleOrigin(handle, this.#transport);
      if (origin === undefined) return handle.close(() => {});
      handle.setNoDelay?.(true);
      onHandle?.(handle, io, origin);
    };
    this.#port = await this.#server.start(
      this.name,
      address,
      onSocket,
      host,
      direct ? takeHandle : undefined,
    );
  }

  stop(): void {
    this.#server.stop();
    this.#pending?.destroyAll();
  }

  #accept(socket: Socket): IncomingConnection | undefined {
    const origin = socketOrigin(socket, this.#transport);
    if (origin === undefined) {
      socket.destroy();
      return undefined;
    }
    socket.setNoDelay(true);
    return { accepted: socket, socket, origin };
  }

  #learnSource(connection: IncomingConnection, handOver: (connection: IncomingConnection) => void): void {
    const onHeader = (source: ProxySource | undefined): void => {
      if (source === undefined) return handOver(connection);
      const origin = { ...connection.origin, remoteAddress: source.address, remotePort: source.port };
      handOver({ ...connection, origin });
    };
    const onInvalid = (reason: string): void =>
      this.pending.note(connection.accepted, `PROXY header: ${reason}`);
    readProxyHeader(connection.socket, onHeader, onInvalid);
  }
}
