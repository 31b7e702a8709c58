import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import type { ConnectionLimits } from "../options.ts";
import type { ByteStream } from "../ports/byte-stream.ts";
import type { Listener } from "../ports/listener.ts";
import { checkPort, formatHostAndPort, listen } from "./listen.ts";
import { acceptWithSharedReadBuffer } from "./shared-read-buffer.ts";
import { SocketByteStream } from "./socket-byte-stream.ts";
import { socketOrigin } from "./stream-origin.ts";

export interface TcpListenerOptions {
  /** Stands in logs, events and counters. Default "tcp:{port}". */
  readonly name?: string;
  /** An address of this machine, or a name of it. Default "127.0.0.1". */
  readonly host?: string;
  /** 0: any free one. Default 1883. */
  readonly port?: number;
  /** What this listener allows otherwise than the broker's own limits. */
  readonly limits?: Partial<ConnectionLimits>;
}

/** Plain TCP: MQTT as on port 1883. */
export function tcpListener(options: TcpListenerOptions = {}): Listener {
  return new TcpListener(options);
}

class TcpListener implements Listener {
  readonly name: string;
  readonly limits: Partial<ConnectionLimits>;
  readonly #host: string;
  #port: number;
  readonly #server: Server = createServer();

  constructor(options: TcpListenerOptions) {
    const { host = "127.0.0.1", port = 1883, name = `tcp:${port}`, limits = {} } = options;
    checkPort(name, port);
    this.name = name;
    this.limits = limits;
    this.#host = host;
    this.#port = port;
  }

  get url(): string {
    return `mqtt://${formatHostAndPort(this.#host, this.#port)}`;
  }

  async start(onConnection: (stream: ByteStream) => void): Promise<void> {
    const accept = (socket: Socket): void => {
      const origin = socketOrigin(socket, "tcp");
      if (origin === undefined) {
        socket.destroy();
        return;
      }
      socket.setNoDelay(true);
      onConnection(new SocketByteStream(socket, origin, this));
    };
    await listen(this.#server, { host: this.#host, port: this.#port }, this.name);
    this.#port = (this.#server.address() as AddressInfo).port;
    // Errors from now on are of single connections that could not be accepted; their clients try again.
    this.#server.on("error", () => {});
    this.#server.on("connection", accept);
    acceptWithSharedReadBuffer(this.#server, accept);
  }

  async stop(): Promise<void> {
    // Its callback would wait for the streams that stay open; the port itself is free at once.
    this.#server.close();
  }
}
