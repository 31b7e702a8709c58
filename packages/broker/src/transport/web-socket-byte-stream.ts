import type { WebSocket } from "ws";
import { BrokerError } from "../errors.ts";
import type { ByteReceiver, ByteStream, StreamOrigin } from "../ports/byte-stream.ts";
import type { Listener } from "../ports/listener.ts";

/** Close codes of RFC 6455, 7.4.1. */
const NORMAL_CLOSURE = 1000;
const UNSUPPORTED_DATA = 1003;
const BINARY_FRAME = { binary: true };

const streamOf = Symbol("streamOf");

/** A WebSocket that knows its stream, so that its handlers are the same functions for all. */
interface OwnedWebSocket extends WebSocket {
  [streamOf]: WebSocketByteStream;
}

/** A stream over the binary frames of a WebSocket; where a frame begins or ends means nothing [MQTT-6.0.0-2]. */
export class WebSocketByteStream implements ByteStream {
  readonly origin: StreamOrigin;
  readonly listener: Listener;
  readonly #socket: OwnedWebSocket;
  readonly #onSent: () => void = () => this.#sent();
  #receiver: ByteReceiver | undefined;
  #state: "waiting" | "open" | "paused" | "ending" | "closed" = "waiting";
  /** Frames that a single read of the socket brought after `pause`; their size is bounded by that read. */
  #held: Buffer[] = [];
  #socketState: "open" | "closed" = "open";
  #drainDue = false;
  #error: Error | undefined;

  constructor(socket: WebSocket, origin: StreamOrigin, listener: Listener) {
    this.origin = origin;
    this.listener = listener;
    this.#socket = Object.assign(socket, { [streamOf]: this });
    socket.pause();
    socket.on("message", onMessage);
    socket.on("error", onError);
    socket.on("close", onClose);
  }

  start(receiver: ByteReceiver): void {
    this.#receiver = receiver;
    if (this.#state === "closed") queueMicrotask(() => receiver.onClosed(this.#error));
    if (this.#state !== "waiting") return;
    this.#state = "open";
    this.#socket.resume();
  }

  write(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.#state === "ending" || this.#state === "closed") return true;
    const frame = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start);
    this.#socket.send(frame, BINARY_FRAME, this.#onSent);
    if (this.#socket.bufferedAmount === 0) return true;
    this.#drainDue = true;
    return false;
  }

  get writableLength(): number {
    return this.#socket.bufferedAmount;
  }

  pause(): void {
    if (this.#state !== "open") return;
    this.#state = "paused";
    this.#socket.pause();
  }

  resume(): void {
    if (this.#state !== "paused") return;
    this.#state = "open";
    // Not within this call, which may come from the receiver's own onBytes.
    queueMicrotask(() => this.#deliverHeld());
  }

  end(): void {
    this.#close(NORMAL_CLOSURE, "");
  }

  destroy(): void {
    if (this.#state === "closed") return;
    this.#state = "ending";
    this.#held = [];
    if (this.#socketState === "closed") queueMicrotask(() => this.#finish());
    else this.#socket.terminate();
  }

  /** A frame came from the socket. */
  received(data: Buffer, isBinary: boolean): void {
    if (this.#state === "ending" || this.#state === "closed") return;
    if (!isBinary) {
      // MQTT goes in binary frames; at any other the receiver closes the connection [MQTT-6.0.0-1].
      this.#error = new BrokerError(
        "DUNLIN_TRANSPORT",
        "the client sent a text frame; MQTT goes in binary ones",
      );
      this.#close(UNSUPPORTED_DATA, "MQTT goes in binary frames");
    } else if (this.#state === "open" && this.#held.length === 0) this.#receive(data);
    else this.#held.push(data);
  }

  /** The socket failed or the peer broke the rules of WebSocket; 'close' follows. */
  failed(cause: Error): void {
    if (this.#state === "ending") return;
    this.#error = new BrokerError("DUNLIN_TRANSPORT", `the WebSocket failed: ${cause.message}`, { cause });
  }

  /** The socket is closed; so is the stream, once the receiver has what came before. */
  socketClosed(): void {
    this.#socketState = "closed";
    if (this.#held.length === 0) this.#finish();
  }

  #deliverHeld(): void {
    while (this.#held.length > 0 && this.#isOpen()) this.#receive(this.#held.shift() as Buffer);
    if (!this.#isOpen()) return;
    if (this.#socketState === "closed") this.#finish();
    else this.#socket.resume();
  }

  /** Each call of the receiver may change it. */
  #isOpen(): boolean {
    return this.#state === "open";
  }

  #receive(data: Buffer): void {
    this.#receiver?.onBytes(data, 0, data.length);
  }

  #sent(): void {
    if (!this.#drainDue || this.#socket.bufferedAmount > 0) return;
    this.#drainDue = false;
    if (this.#state === "open" || this.#state === "paused") this.#receiver?.onDrained();
  }

  /** The WebSocket server's `closeTimeout` ends the wait for a peer that does not answer. */
  #close(code: number, reason: string): void {
    if (this.#state === "ending" || this.#state === "closed") return;
    this.#state = "ending";
    this.#held = [];
    this.#socket.close(code, reason);
    // The peer's own close frame is to be read.
    this.#socket.resume();
    if (this.#socketState === "closed") queueMicrotask(() => this.#finish());
  }

  #finish(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#receiver?.onClosed(this.#error);
  }
}

function onMessage(this: WebSocket, data: unknown, isBinary: boolean): void {
  // `binaryType` is left at "nodebuffer".
  (this as OwnedWebSocket)[streamOf].received(data as Buffer, isBinary);
}

function onError(this: WebSocket, error: Error): void {
  (this as OwnedWebSocket)[streamOf].failed(error);
}

function onClose(this: WebSocket): void {
  (this as OwnedWebSocket)[streamOf].socketClosed();
}
