import { EventEmitter, once } from "node:events";
import type { ByteReceiver, ByteStream } from "@dunlin/broker";

/** Keeps what one side of a connection is told, and waits for it. */
export class ReceiverLog implements ByteReceiver {
  readonly #changes = new EventEmitter();
  #bytes: Buffer = Buffer.alloc(0);
  #drains = 0;
  #closed: { readonly error: Error | undefined } | undefined;
  /** How often and in which pieces bytes came. */
  readonly pieces: number[] = [];

  onBytes(bytes: Uint8Array, start: number, end: number): void {
    if (this.#closed !== undefined) throw new Error("bytes came after onClosed");
    this.pieces.push(end - start);
    this.#bytes = Buffer.concat([this.#bytes, bytes.subarray(start, end)]);
    this.#changes.emit("change");
  }

  onDrained(): void {
    this.#drains++;
    this.#changes.emit("change");
  }

  onClosed(error?: Error): void {
    if (this.#closed !== undefined) throw new Error("onClosed came twice");
    this.#closed = { error };
    this.#changes.emit("change");
  }

  get bytes(): Buffer {
    return this.#bytes;
  }

  get text(): string {
    return this.#bytes.toString("latin1");
  }

  get drains(): number {
    return this.#drains;
  }

  get isClosed(): boolean {
    return this.#closed !== undefined;
  }

  /** Resolves once so many bytes have come in all. */
  async received(length: number): Promise<Buffer> {
    while (this.#bytes.length < length) await this.#change();
    return this.#bytes;
  }

  async drained(times: number): Promise<void> {
    while (this.#drains < times) await this.#change();
  }

  async closed(): Promise<Error | undefined> {
    while (this.#closed === undefined) await this.#change();
    return this.#closed.error;
  }

  async #change(): Promise<void> {
    await once(this.#changes, "change");
  }
}

/** The streams that a listener brings. */
export class StreamQueue {
  readonly #changes = new EventEmitter();
  readonly #streams: ByteStream[] = [];

  readonly accept = (stream: ByteStream): void => {
    this.#streams.push(stream);
    this.#changes.emit("change");
  };

  get length(): number {
    return this.#streams.length;
  }

  async next(): Promise<ByteStream> {
    while (this.#streams.length === 0) await once(this.#changes, "change");
    return this.#streams.shift() as ByteStream;
  }
}

export function writeText(stream: ByteStream, text: string): boolean {
  const bytes = Buffer.from(text, "latin1");
  return stream.write(bytes, 0, bytes.length);
}

/** Lets the event loop go round a few times, for what must not happen. */
export async function someTurns(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
}
