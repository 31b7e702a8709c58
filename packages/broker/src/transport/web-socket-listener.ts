import { BrokerError } from "../errors.ts";
import type { ConnectionLimits } from "../options.ts";
import type { ByteStream } from "../ports/byte-stream.ts";
import type { ListenerHost } from "../ports/listener.ts";
import { type PortListenerOptions, PortServer } from "./port-server.ts";
import { SocketByteStream } from "./socket-byte-stream.ts";
import { TlsHandshakes } from "./tls-handshakes.ts";
import type { TlsListener } from "./tls-listener.ts";
import type { TlsSettings } from "./tls-settings.ts";
import { WebSocketByteStream } from "./web-socket-byte-stream.ts";
import { WebSocketUpgrades } from "./web-socket-upgrades.ts";

export interface WebSocketListenerOptions extends PortListenerOptions {
  /** Where clients connect, from "/" on. Default "/mqtt". */
  readonly path?: string;
  /** With it the listener is a secure one ("wss:"). */
  readonly tls?: TlsSettings;
  /** Origins of web pages that may connect, such as "https://example.org"; programs that name none always may. Default: all. */
  readonly allowedOrigins?: readonly string[];
}

/** MQTT over WebSocket [MQTT 5.0, 6], for browsers. */
export function webSocketListener(options: WebSocketListenerOptions = {}): TlsListener {
  return new WebSocketListener(options);
}

class WebSocketListener implements TlsListener {
  readonly #ports: PortServer;
  readonly #handshakes: TlsHandshakes | undefined;
  readonly #upgrades: WebSocketUpgrades;
  readonly #path: string;
  #onConnection: (stream: ByteStream) => void = () => {};

  constructor(options: WebSocketListenerOptions) {
    const { path = "/mqtt", tls, allowedOrigins } = options;
    this.#path = path;
    this.#ports = new PortServer(options, tls === undefined ? "ws" : "wss", 8083);
    if (!path.startsWith("/")) {
      const remedy = `write "/${path}"`;
      throw new BrokerError(
        "DUNLIN_OPTION",
        `listener "${this.name}": its path has no leading slash; ${remedy}`,
      );
    }
    const rules = { path, allowedOrigins };
    this.#upgrades = new WebSocketUpgrades(this.#ports, rules, ({ accepted, socket, origin }) => {
      this.#ports.pending.release(accepted);
      this.#onConnection(new WebSocketByteStream(new SocketByteStream(socket, origin, this)));
    });
    if (tls !== undefined) {
      this.#handshakes = new TlsHandshakes(this.#ports, tls, (connection) =>
        this.#upgrades.begin(connection),
      );
    }
  }

  get name(): string {
    return this.#ports.name;
  }

  get limits(): Partial<ConnectionLimits> {
    return this.#ports.limits;
  }

  get url(): string {
    return `${this.#handshakes === undefined ? "ws" : "wss"}://${this.#ports.hostAndPort}${this.#path}`;
  }

  async start(onConnection: (stream: ByteStream) => void, host?: ListenerHost): Promise<void> {
    this.#onConnection = onConnection;
    const first = this.#handshakes ?? this.#upgrades;
    this.#handshakes?.start();
    await this.#ports.start((connection) => first.begin(connection), host);
  }

  replaceTls(settings: TlsSettings): void {
    if (this.#handshakes === undefined) {
      throw new BrokerError(
        "DUNLIN_STATE",
        `listener "${this.name}" has no TLS; give it \`tls\` when making it`,
      );
    }
    this.#handshakes.replace(settings);
  }

  async stop(): Promise<void> {
    this.#ports.stop();
  }
}
