import { connect as connectTcp, type NetConnectOpts, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { WebSocket } from "ws";
import type { LoadTarget } from "./load-plan.ts";

export interface WireReceiver {
  onOpen(): void;
  /** `bytes[start, end)` is valid during the call only. */
  onBytes(bytes: Uint8Array, start: number, end: number): void;
  /** All that was written has left. */
  onWritten(): void;
  onClosed(error: Error | undefined): void;
}

/** A network connection at its cheapest. */
export interface Wire {
  /** True: `bytes` may be changed at once; false: not before `onWritten`. */
  write(bytes: Uint8Array, start: number, end: number): boolean;
  /** Closes behind what was written. */
  end(): void;
  destroy(): void;
}

/** All wires of a thread read into `readBuffer`, except WebSockets. */
export function openWire(target: LoadTarget, readBuffer: Uint8Array, receiver: WireReceiver): Wire {
  const { protocol } = new URL(target.url);
  if (protocol === "ws:" || protocol === "wss:") return new WebSocketWire(target, receiver);
  return new SocketWire(openSocket(target, protocol, readBuffer, receiver), protocol === "mqtts:", receiver);
}

function openSocket(
  target: LoadTarget,
  protocol: string,
  readBuffer: Uint8Array,
  receiver: WireReceiver,
): Socket {
  const onread = {
    buffer: readBuffer,
    callback: (length: number, buffer: Uint8Array) => {
      receiver.onBytes(buffer, 0, length);
      return true;
    },
  };
  if (protocol === "unix:") return connectTcp({ ...noQueue, path: target.address, onread } as NetConnectOpts);
  const { address: host, port } = target;
  if (protocol !== "mqtts:") return connectTcp({ ...noQueue, host, port, onread } as NetConnectOpts);
  return connectTls({ ...noQueue, ...tlsOptions(target), host, port, onread } as object);
}

/** With a high-water mark of 0, 'drain' follows every write. */
const noQueue = { writableHighWaterMark: 0, highWaterMark: 0 };

function tlsOptions({ url, tls }: LoadTarget): object {
  const { checkHostName, ...files } = tls;
  const hostname = new URL(url).hostname.replace(/^\[|\]$/g, "");
  const check = checkHostName ? {} : { checkServerIdentity: () => undefined };
  return { servername: isIpAddress(hostname) ? "" : hostname, ...files, ...check };
}

function isIpAddress(hostname: string): boolean {
  return /^[\d.]+$/.test(hostname) || hostname.includes(":");
}

class SocketWire implements Wire {
  readonly #socket: Socket;

  constructor(socket: Socket, isTls: boolean, receiver: WireReceiver) {
    this.#socket = socket;
    let error: Error | undefined;
    socket.setNoDelay(true);
    socket.on(isTls ? "secureConnect" : "connect", () => receiver.onOpen());
    socket.on("drain", () => {
      if (socket.writableLength === 0) receiver.onWritten();
    });
    socket.on("error", (cause) => {
      error = cause;
    });
    socket.on("close", () => receiver.onClosed(error));
  }

  write(bytes: Uint8Array, start: number, end: number): boolean {
    const socket = this.#socket;
    socket.write(Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start));
    return socket.writableLength === 0;
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

class WebSocketWire implements Wire {
  readonly #socket: WebSocket;
  readonly #onSent: () => void;

  constructor(target: LoadTarget, receiver: WireReceiver) {
    const socket = new WebSocket(target.url, "mqtt", {
      perMessageDeflate: false,
      skipUTF8Validation: true,
      ...tlsOptions(target),
    });
    this.#socket = socket;
    let error: Error | undefined;
    this.#onSent = () => {
      if (socket.bufferedAmount === 0) receiver.onWritten();
    };
    socket.on("open", () => receiver.onOpen());
    socket.on("message", (data: Buffer) => receiver.onBytes(data, 0, data.length));
    socket.on("error", (cause) => {
      error = cause;
    });
    socket.on("close", () => receiver.onClosed(error));
  }

  write(bytes: Uint8Array, start: number, end: number): boolean {
    // The masked bytes are a copy, but the next write waits all the same: else a busy broker fills our memory.
    this.#socket.send(Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start), this.#onSent);
    return this.#socket.bufferedAmount === 0;
  }

  end(): void {
    this.#socket.close();
  }

  destroy(): void {
    this.#socket.terminate();
  }
}
