import type { Socket } from "node:net";
import { copyOut } from "../arena.ts";
import type { ByteReceiver, ByteStream, StreamOrigin } from "../ports/byte-stream.ts";
import type { Listener } from "../ports/listener.ts";

/** How long a stream that ends waits for the peer to read the rest and to close its side. */
export const END_TIMEOUT_MS = 5000;

const streamOf = Symbol("streamOf");

/** A socket that knows its stream: its handlers are the same functions for all, which saves memory per connection. */
interface OwnedSocket extends Socket {
  [streamOf]: SocketByteStream;
}

/** A stream over a socket of Node: with TLS or WebSocket, behind a PROXY header, or where there is no other way. */
export class SocketByteStream implements ByteStream {
  readonly origin: StreamOrigin;
  readonly listener: Listener;
  readonly #socket: OwnedSocket;
  #receiver: ByteReceiver | undefined;
  #state: "waiting" | "open" | "ending" | "closed" = "waiting";
  #drainDue = false;
  readonly #onWritten = (): void => this.#drained();
  #error: Error | undefined;

  constructor(socket: Socket, origin: StreamOrigin, listener: Listener) {
    this.origin = origin;
    this.listener = listener;
    this.#socket = socket as OwnedSocket;
    this.#socket[streamOf] = this;
    socket.pause();
    socket.on("end", onEnd);
    socket.on("error", onError);
    socket.on("close", onClose);
  }

  start(receiver: ByteReceiver): void {
    this.#receiver = receiver;
    if (this.#state === "closed") queueMicrotask(() => receiver.onClosed(this.#error));
    if (this.#state !== "waiting") return;
    this.#state = "open";
    this.#socket.on("data", onData);
    this.#socket.resume();
  }

  write(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.#state === "ending" || this.#state === "closed") return true;
    const socket = this.#socket;
    // No 'drain' follows where less than the high-water mark waits.
    socket.write(Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start), this.#onWritten);
    if (socket.writableLength === 0) return true;
    this.#drainDue = true;
    return false;
  }

  get writableLength(): number {
    return this.#socket.writableLength;
  }

  pause(): void {
    if (this.#state === "open") this.#socket.pause();
  }

  resume(): void {
    if (this.#state === "open") this.#socket.resume();
  }

  end(): void {
    if (this.#state === "ending" || this.#state === "closed") return;
    this.#state = "ending";
    this.#socket.end();
    // What the peer still sends must be read, else the kernel resets the connection and our last bytes are lost.
    this.#socket.resume();
    this.#destroyLater();
  }

  destroy(): void {
    if (this.#state === "closed") return;
    this.#state = "ending";
    this.#socket.destroy();
  }

  /** `bytes[0, length)` came from the socket. */
  received(bytes: Uint8Array, length: number): void {
    if (this.#state === "open") this.#receiver?.onBytes(bytes, 0, length);
  }

  /** The same, past the socket's own buffer. */
  read(bytes: Uint8Array, length: number): void {
    const socket = this.#socket;
    // TLS goes on with what it has decrypted, paused or not.
    if (socket.isPaused() || socket.readableLength > 0) socket.push(copyOut(bytes, 0, length));
    else this.received(bytes, length);
  }

  /** Some or all of what was written has left the socket. */
  #drained(): void {
    if (!this.#drainDue || this.#socket.writableLength > 0) return;
    this.#drainDue = false;
    if (this.#state === "open") this.#receiver?.onDrained();
  }

  /** The peer closed its side; the socket closes ours once what was written has left, if the peer still reads. */
  peerEnded(): void {
    if (this.#state === "ending" || this.#state === "closed") return;
    this.#state = "ending";
    this.#destroyLater();
  }

  /** The socket failed; 'close' follows. That a peer vanishes while we close is no failure. */
  failed(error: Error): void {
    if (this.#state !== "ending") this.#error = error;
  }

  closed(): void {
    this.#state = "closed";
    this.#receiver?.onClosed(this.#error);
  }

  #destroyLater(): void {
    const socket = this.#socket;
    const timer = setTimeout(() => socket.destroy(), END_TIMEOUT_MS);
    socket.once("close", () => clearTimeout(timer));
  }
}

/** For sockets that read into a buffer given to them; `this` is the socket. */
export function onRead(this: unknown, length: number, bytes: Uint8Array): boolean {
  (this as OwnedSocket)[streamOf].read(bytes, length);
  return true;
}

function onData(this: Socket, chunk: Buffer): void {
  (this as OwnedSocket)[streamOf].received(chunk, chunk.length);
}

function onEnd(this: Socket): void {
  (this as OwnedSocket)[streamOf].peerEnded();
}

function onError(this: Socket, error: Error): void {
  (this as OwnedSocket)[streamOf].failed(error);
}

function onClose(this: Socket): void {
  (this as OwnedSocket)[streamOf].closed();
}
