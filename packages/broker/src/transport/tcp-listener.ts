import type { ConnectionLimits } from "../options.ts";
import type { ByteStream } from "../ports/byte-stream.ts";
import type { Listener, ListenerHost } from "../ports/listener.ts";
import { HandleByteStream } from "./handle-byte-stream.ts";
import {
  type HandleTaker,
  type IncomingConnection,
  type PortListenerOptions,
  PortServer,
} from "./port-server.ts";
import { SocketByteStream } from "./socket-byte-stream.ts";

export type TcpListenerOptions = PortListenerOptions;

/** Plain TCP, as on port 1883. */
export function tcpListener(options: TcpListenerOptions = {}): Listener {
  return new TcpListener(options);
}

class TcpListener implements Listener {
  readonly #ports: PortServer;

  constructor(options: TcpListenerOptions) {
    this.#ports = new PortServer(options, "tcp", 1883);
  }

  get name(): string {
    return this.#ports.name;
  }

  get limits(): Partial<ConnectionLimits> {
    return this.#ports.limits;
  }

  get url(): string {
    return `mqtt://${this.#ports.hostAndPort}`;
  }

  async start(onConnection: (stream: ByteStream) => void, host?: ListenerHost): Promise<void> {
    const handOver = ({ accepted, socket, origin }: IncomingConnection): void => {
      this.#ports.pending.release(accepted);
      onConnection(new SocketByteStream(socket, origin, this));
    };
    const onHandle: HandleTaker = (handle, io, origin) =>
      onConnection(new HandleByteStream(handle, io, origin, this));
    await this.#ports.start(handOver, host, onHandle);
  }

  async stop(): Promise<void> {
    this.#ports.stop();
  }
}
