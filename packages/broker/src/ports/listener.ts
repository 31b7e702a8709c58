import type { ConnectionLimits } from "../options.ts";
import type { ByteStream } from "./byte-stream.ts";

/** A source of network connections. */
export interface Listener {
  /** Stands in logs, events and counters. */
  readonly name: string;
  /** Where it listens, as a URL, once started: "mqtt://127.0.0.1:1883", "wss://[::]:8884/mqtt", "unix:///run/mqtt.sock". */
  readonly url: string;
  /** What this listener allows otherwise than the broker's own limits. */
  readonly limits: Partial<ConnectionLimits>;
  /** Rejects with a BrokerError of code DUNLIN_LISTEN that names the address and the remedy. */
  start(onConnection: (stream: ByteStream) => void): Promise<void>;
  /** Stops accepting; streams that are open stay open. Idempotent. */
  stop(): Promise<void>;
}
