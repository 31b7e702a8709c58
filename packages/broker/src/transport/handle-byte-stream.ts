import { getSystemErrorName } from "node:util";
import type { ByteReceiver, ByteStream, StreamOrigin } from "../ports/byte-stream.ts";
import type { Listener } from "../ports/listener.ts";
import { END_TIMEOUT_MS } from "./socket-byte-stream.ts";
import type { HandleIo, HandleRequest, StreamHandle } from "./stream-handle.ts";

const streamOf = Symbol("streamOf");

/** A handle that knows its stream: its callbacks are the same functions for all, which saves memory per connection. */
interface OwnedHandle extends StreamHandle {
  [streamOf]: HandleByteStream;
}

/** A stream over an accepted connection of Node, without the socket that Node would make of it. */
export class HandleByteStream implements ByteStream {
  readonly origin: StreamOrigin;
  readonly listener: Listener;
  readonly #handle: OwnedHandle;
  readonly #io: HandleIo;
  #receiver: ByteReceiver | undefined;
  /**
   * left: the peer has closed its side, what was written is still to leave. unheard: the peer takes nothing more, what
   * it sent before, such as DISCONNECT, is still to be read.
   */
  #state: "waiting" | "open" | "left" | "unheard" | "ending" | "closed" = "waiting";
  #error: Error | undefined;
  #endTimer: NodeJS.Timeout | undefined;

  constructor(handle: StreamHandle, io: HandleIo, origin: StreamOrigin, listener: Listener) {
    this.origin = origin;
    this.listener = listener;
    this.#io = io;
    this.#handle = handle as OwnedHandle;
    this.#handle[streamOf] = this;
    handle.useUserBuffer(io.buffer);
    handle.onread = onRead;
  }

  start(receiver: ByteReceiver): void {
    this.#receiver = receiver;
    if (this.#state !== "waiting") return;
    this.#state = "open";
    this.resume();
  }

  write(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.#state !== "open") return true;
    const part = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start);
    const error = this.#io.write(this.#handle, part, onWritten);
    if (error !== 0) this.#writeFailed(error);
    return error !== 0 || !this.#io.wasDelayed;
  }

  get writableLength(): number {
    // A handle that is gone no longer knows.
    return this.#state === "closed" ? 0 : this.#handle.writeQueueSize;
  }

  pause(): void {
    if (this.#isRead) this.#handle.readStop();
  }

  resume(): void {
    if (!this.#isRead) return;
    const error = this.#handle.readStart();
    if (error !== 0) this.#fail("read", error);
  }

  end(): void {
    if (this.#state === "closed" || this.#state === "ending" || this.#state === "left") return;
    if (this.#state === "unheard") return this.#close();
    this.#state = "ending";
    // What the peer still sends must be read, else the kernel resets the connection and our last bytes are lost.
    this.#handle.readStart();
    if (this.#io.shutdown(this.#handle) !== 0) this.#close();
    else this.#closeLater();
  }

  destroy(): void {
    this.#close();
  }

  /** Something was read, or nothing ever will be. */
  received(): void {
    const { nread, buffer } = this.#io;
    if (nread > 0) {
      if (this.#isRead) this.#receiver?.onBytes(buffer, 0, nread);
    } else if (nread < 0) this.#ended(nread);
  }

  /** Some or all of what could not be written at once has been. */
  written(error: number): void {
    if (this.#state === "closed") return;
    if (error !== 0) return this.#writeFailed(error);
    if (this.#handle.writeQueueSize > 0) return;
    if (this.#state === "left") this.#close();
    else if (this.#state === "open") this.#receiver?.onDrained();
  }

  closed(): void {
    this.#receiver?.onClosed(this.#error);
  }

  #ended(error: number): void {
    if (this.#state === "closed") return;
    if (getSystemErrorName(error) !== "EOF") return this.#fail("read", error);
    if (this.#state !== "open" || this.#handle.writeQueueSize === 0) return this.#close();
    this.#state = "left";
    this.#closeLater();
  }

  get #isRead(): boolean {
    return this.#state === "open" || this.#state === "unheard";
  }

  #writeFailed(error: number): void {
    if (this.#state === "unheard") return;
    if (this.#state !== "open") return this.#close();
    this.#noteError("write", error);
    this.#state = "unheard";
    this.#closeLater();
  }

  /** That a peer vanishes while we close is no failure. */
  #fail(call: "read" | "write", error: number): void {
    if (this.#state === "open") this.#noteError(call, error);
    this.#close();
  }

  #noteError(call: "read" | "write", error: number): void {
    const code = getSystemErrorName(error);
    this.#error = Object.assign(new Error(`${call} ${code}`), { code });
  }

  #close(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    clearTimeout(this.#endTimer);
    this.#handle.close(onClosed);
  }

  #closeLater(): void {
    this.#endTimer = setTimeout(() => this.#close(), END_TIMEOUT_MS);
  }
}

function onRead(this: StreamHandle): void {
  (this as OwnedHandle)[streamOf].received();
}

function onWritten(this: HandleRequest, status: number): void {
  (this.handle as OwnedHandle)[streamOf].written(status);
}

function onClosed(this: StreamHandle): void {
  (this as OwnedHandle)[streamOf].closed();
}
