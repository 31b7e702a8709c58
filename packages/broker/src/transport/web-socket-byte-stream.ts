import { BrokerError } from "../errors.ts";
import type { ByteReceiver, ByteStream, StreamOrigin } from "../ports/byte-stream.ts";
import type { Listener } from "../ports/listener.ts";
import { CloseCode, type ControlFrames, frameHeader, Opcode, WebSocketFrames } from "./web-socket-frames.ts";

/** Up to this size a payload is copied behind its frame header, so that both leave in one write. */
const COPIED_BYTES = 16 * 1024;
/** A client that lets as much wait gets no further pongs: it does not read the ones it has. */
const MAXIMUM_WAITING_PONG_BYTES = 4096;

/** A stream over the binary frames of a WebSocket, which in turn is a stream of bytes. */
export class WebSocketByteStream implements ByteStream, ByteReceiver, ControlFrames {
  readonly #bytes: ByteStream;
  readonly #frames: WebSocketFrames = new WebSocketFrames(this);
  #receiver: ByteReceiver | undefined;
  /** left: the client has closed while paused; the receiver is still to take what came before. */
  #state: "open" | "paused" | "left" | "ending" = "open";
  #error: Error | undefined;
  /** Payload of the last ping of a read: only that one is answered, as RFC 6455, 5.5.3 allows. */
  #ping: Uint8Array | undefined;

  /** `bytes`: what follows the answer to the upgrade, not yet started. */
  constructor(bytes: ByteStream) {
    this.#bytes = bytes;
  }

  get origin(): StreamOrigin {
    return this.#bytes.origin;
  }

  get listener(): Listener {
    return this.#bytes.listener;
  }

  get writableLength(): number {
    return this.#bytes.writableLength;
  }

  start(receiver: ByteReceiver): void {
    this.#receiver = receiver;
    this.#bytes.start(this);
  }

  write(bytes: Uint8Array, start: number, end: number): boolean {
    return this.#state === "ending" || this.#writeFrame(Opcode.Binary, bytes, start, end);
  }

  pause(): void {
    if (this.#state !== "open") return;
    this.#state = "paused";
    this.#bytes.pause();
  }

  resume(): void {
    if (this.#state === "left") this.end();
    if (this.#state !== "paused") return;
    this.#state = "open";
    this.#bytes.resume();
  }

  end(): void {
    const { violation } = this.#frames;
    this.#close(violation?.closeCode ?? CloseCode.NormalClosure, violation?.message ?? "");
  }

  destroy(): void {
    this.#state = "ending";
    this.#bytes.destroy();
  }

  onBytes(bytes: Uint8Array, start: number, end: number): void {
    const dataEnd = this.#frames.unpack(bytes, start, end);
    if (this.#ping !== undefined) this.#answerPing(this.#ping);
    if (dataEnd > start) this.#receiver?.onBytes(bytes, start, dataEnd);
    const { closed, violation } = this.#frames;
    if (!closed) return;
    if (violation !== undefined && this.#state !== "ending") {
      this.#error = new BrokerError("DUNLIN_TRANSPORT", `the WebSocket failed: ${violation.message}`);
    }
    if (this.#state === "paused") this.#state = "left";
    else this.end();
  }

  onPing(payload: Uint8Array): void {
    this.#ping = payload;
  }

  #answerPing(payload: Uint8Array): void {
    this.#ping = undefined;
    if (this.#state === "ending" || this.#bytes.writableLength > MAXIMUM_WAITING_PONG_BYTES) return;
    this.#writeFrame(Opcode.Pong, payload, 0, payload.length);
  }

  onDrained(): void {
    this.#receiver?.onDrained();
  }

  onClosed(error?: Error): void {
    this.#receiver?.onClosed(this.#error ?? error);
  }

  #close(code: CloseCode, reason: string): void {
    if (this.#state === "ending") return;
    this.#state = "ending";
    const payload = Buffer.from(`\0\0${reason}`);
    payload.writeUInt16BE(code);
    this.#writeFrame(Opcode.Close, payload, 0, payload.length);
    this.#bytes.end();
  }

  #writeFrame(opcode: Opcode, bytes: Uint8Array, start: number, end: number): boolean {
    const header = frameHeader(opcode, end - start);
    if (end - start > COPIED_BYTES) {
      this.#bytes.write(header, 0, header.length);
      return this.#bytes.write(bytes, start, end);
    }
    const frame = Buffer.allocUnsafe(header.length + end - start);
    frame.set(header);
    frame.set(bytes.subarray(start, end), header.length);
    return this.#bytes.write(frame, 0, frame.length);
  }
}
