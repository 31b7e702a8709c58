import type { Listener } from "./listener.ts";

/** Where a network connection comes from; what is said of it in logs, events and to an authenticator. */
export interface StreamOrigin {
  readonly transport: "tcp" | "tls" | "ws" | "wss" | "unix" | "memory";
  /** IP address, or the path of a Unix socket. From the PROXY protocol header where the listener asks for it. */
  readonly remoteAddress: string;
  /** 0 for a Unix socket. */
  readonly remotePort: number;
  readonly tls?: TlsOrigin | undefined;
}

export interface TlsOrigin {
  /** E.g. "TLSv1.3". */
  readonly protocol: string;
  readonly serverName?: string | undefined;
  readonly alpnProtocol?: string | undefined;
  /** DER of the client's certificate, where it sent one. */
  readonly peerCertificate?: Uint8Array | undefined;
  /** Whether the certificate chains to the listener's certificate authorities. */
  readonly peerVerified: boolean;
  /** Common Name of the certificate's subject. */
  readonly peerCommonName?: string | undefined;
}

export interface ByteReceiver {
  /** `bytes[start, end)` is valid during the call only. */
  onBytes(bytes: Uint8Array, start: number, end: number): void;
  /** All that was written has left; called only after a write returned false. */
  onDrained(): void;
  /** The last call: nothing follows. `error` where the transport failed or the peer broke its rules. */
  onClosed(error?: Error): void;
}

/** A reliable, ordered stream of bytes between a client and the broker: TCP, TLS, WebSocket, or memory in tests. */
export interface ByteStream {
  readonly origin: StreamOrigin;
  readonly listener: Listener;
  /** Bytes may arrive from now on. Called once. */
  start(receiver: ByteReceiver): void;
  /**
   * Writes `bytes[start, end)`. True: the bytes are no longer needed, the caller may reuse them at once.
   * False: the stream holds on to them until `onDrained`.
   */
  write(bytes: Uint8Array, start: number, end: number): boolean;
  /** Bytes written but not yet given to the operating system. */
  readonly writableLength: number;
  /** No `onBytes` until `resume`. */
  pause(): void;
  resume(): void;
  /** Sends what was written, then closes; `onClosed` follows. */
  end(): void;
  /** Closes at once, discarding what was not sent; `onClosed` follows. */
  destroy(): void;
}
