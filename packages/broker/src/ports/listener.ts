import type { ConnectionLimits } from "../options.ts";
import type { ByteStream } from "./byte-stream.ts";

/** A network connection that has been closed before it could carry MQTT. */
export interface RefusedConnection {
  /** As far as it was known; "" where nobody could tell. */
  readonly remoteAddress: string;
  /** E.g. a failed TLS handshake, a bad PROXY header, an HTTP request that asks for no WebSocket. */
  readonly reason: string;
  /** The limit that was reached, where one was. */
  readonly limit?: keyof ConnectionLimits | undefined;
}

/** What a listener is told by the broker that starts it. */
export interface ListenerHost {
  /** The broker's, with those of the listener in their place. */
  readonly limits: ConnectionLimits;
  /** To be called for each connection that does not become a stream. */
  onRefused(refused: RefusedConnection): void;
}

/** A source of network connections. */
export interface Listener {
  /** Stands in logs, events and counters. */
  readonly name: string;
  /** Where it listens, as a URL, once started: "mqtt://127.0.0.1:1883", "wss://[::]:8884/mqtt", "unix:///run/mqtt.sock". */
  readonly url: string;
  /** What this listener allows otherwise than the broker's own limits. */
  readonly limits: Partial<ConnectionLimits>;
  /**
   * Rejects with a BrokerError of code DUNLIN_LISTEN that names the address and the remedy. Without a `host` the
   * limits are the defaults, and nobody is told of what is refused.
   */
  start(onConnection: (stream: ByteStream) => void, host?: ListenerHost): Promise<void>;
  /** Stops accepting; streams that are open stay open. Idempotent. */
  stop(): Promise<void>;
}
