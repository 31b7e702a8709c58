import type { ConnectionLimits } from "../options.ts";
import type { ByteStream } from "../ports/byte-stream.ts";
import type { Listener, ListenerHost } from "../ports/listener.ts";
import { type PortListenerOptions, PortServer } from "./port-server.ts";
import { onRead, SocketByteStream } from "./socket-byte-stream.ts";
import { TlsHandshakes } from "./tls-handshakes.ts";
import { TlsReadBuffer } from "./tls-read-buffer.ts";
import type { TlsSettings } from "./tls-settings.ts";

export interface TlsListenerOptions extends PortListenerOptions {
  readonly tls: TlsSettings;
}

export interface TlsListener extends Listener {
  /** New certificates from the next connection on; open ones stay. Throws DUNLIN_LISTEN, and changes nothing, if they are of no use. */
  replaceTls(settings: TlsSettings): void;
}

/** TLS over TCP, as on port 8883. */
export function tlsListener(options: TlsListenerOptions): TlsListener {
  return new TlsOverTcpListener(options);
}

class TlsOverTcpListener implements TlsListener {
  readonly #ports: PortServer;
  readonly #handshakes: TlsHandshakes;
  readonly #readBuffer = new TlsReadBuffer();
  #onConnection: (stream: ByteStream) => void = () => {};

  constructor(options: TlsListenerOptions) {
    this.#ports = new PortServer(options, "tls", 8883);
    this.#handshakes = new TlsHandshakes(this.#ports, options.tls, ({ accepted, socket, origin }) => {
      this.#ports.pending.release(accepted);
      this.#readBuffer.use(socket, onRead);
      this.#onConnection(new SocketByteStream(socket, origin, this));
    });
  }

  get name(): string {
    return this.#ports.name;
  }

  get limits(): Partial<ConnectionLimits> {
    return this.#ports.limits;
  }

  get url(): string {
    return `mqtts://${this.#ports.hostAndPort}`;
  }

  async start(onConnection: (stream: ByteStream) => void, host?: ListenerHost): Promise<void> {
    this.#onConnection = onConnection;
    this.#handshakes.start();
    await this.#ports.start((connection) => this.#handshakes.begin(connection), host);
  }

  replaceTls(settings: TlsSettings): void {
    this.#handshakes.replace(settings);
  }

  async stop(): Promise<void> {
    this.#ports.stop();
  }
}
