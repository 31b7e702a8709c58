import type { Socket } from "node:net";
import type { ByteReceiver, ByteStream, StreamOrigin } from "../ports/byte-stream.ts";
import type { Listener } from "../ports/listener.ts";

/** How long a closed stream waits for the peer to read the rest and to close its side. */
export const END_TIMEOUT_MS = 5000;

const streamOf = Symbol("streamOf");

/** A socket that knows its stream: handlers find it through `this`, so that no connection needs closures of its own. */
interface OwnedSocket extends Socket {
  [streamOf]: SocketByteStream;
}

/** A stream over a TCP, TLS or Unix socket. */
export class SocketByteStream implements ByteStream {
  readonly origin: StreamOrigin;
  readonly listener: Listener;
  readonly #socket: OwnedSocket;
  /** Undefined where the socket's own 'drain' follows every write that does not leave at once. */
  readonly #onWritten: (() => void) | undefined;
  #receiver: ByteReceiver | undefined;
  #state: "waiting" | "open" | "ending" | "closed" = "waiting";
  #drainDue = false;
  #error: Error | undefined;

  constructor(socket: Socket, origin: StreamOrigin, listener: Listener) {
    this.origin = origin;
    this.listener = listener;
    this.#socket = Object.assign(socket, { [streamOf]: this });
    if (socket.writableHighWaterMark > 0) this.#onWritten = () => this.#drained();
    socket.pause();
    socket.on("drain", SocketByteStream.#onDrain);
    socket.on("end", SocketByteStream.#onEnd);
    socket.on("error", SocketByteStream.#onError);
    socket.on("close", SocketByteStream.#onClose);
  }

  start(receiver: ByteReceiver): void {
    this.#receiver = receiver;
    if (this.#state !== "waiting") return;
    this.#state = "open";
    this.#socket.on("data", SocketByteStream.#onData);
    this.#socket.resume();
  }

  /** For a socket that reads into a buffer of ours: `buffer[0, length)` has been read. */
  static onRead(this: Socket, length: number, buffer: Uint8Array): boolean {
    (this as OwnedSocket)[streamOf].#received(buffer, length);
    return true;
  }

  write(bytes: Uint8Array, start: number, end: number): boolean {
    const socket = this.#socket;
    if (!socket.writable) return true;
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

  #destroyLater(): void {
    const socket = this.#socket;
    const timer = setTimeout(() => socket.destroy(), END_TIMEOUT_MS).unref();
    socket.once("close", () => clearTimeout(timer));
  }

  #received(bytes: Uint8Array, length: number): void {
    if (this.#state === "open") this.#receiver?.onBytes(bytes, 0, length);
  }

  #drained(): void {
    if (!this.#drainDue || this.#socket.writableLength > 0) return;
    this.#drainDue = false;
    if (this.#state === "open") this.#receiver?.onDrained();
  }

  static #onData(this: Socket, chunk: Buffer): void {
    (this as OwnedSocket)[streamOf].#received(chunk, chunk.length);
  }

  static #onDrain(this: Socket): void {
    (this as OwnedSocket)[streamOf].#drained();
  }

  static #onEnd(this: Socket): void {
    // The socket ends our side too, once what was written has left: not for ever, where the peer does not read.
    if (this.writableLength > 0) (this as OwnedSocket)[streamOf].#destroyLater();
  }

  static #onError(this: Socket, error: Error): void {
    const stream = (this as OwnedSocket)[streamOf];
    // A peer that vanishes while we close is no failure.
    if (stream.#state === "open" || stream.#state === "waiting") stream.#error = error;
  }

  static #onClose(this: Socket): void {
    const stream = (this as OwnedSocket)[streamOf];
    stream.#state = "closed";
    stream.#receiver?.onClosed(stream.#error);
  }
}
