import type { ByteReceiver, ByteStream, Clock, Listener, StreamOrigin } from "@dunlin/broker";

export interface MemoryStreamOptions {
  /** Of the broker's end. Default: a listener of this kind that was never started. */
  readonly listener?: Listener;
  /** Default 192.0.2.1 (an address that is nobody's), port 50000. */
  readonly remoteAddress?: string;
  readonly remotePort?: number;
  /** Milliseconds between a write and its arrival; needs `clock`. Default 0: in a microtask. */
  readonly latencyMs?: number;
  readonly clock?: Clock;
  /** Sizes in bytes of the pieces that arrive, over and over; [1] is byte by byte. Default: as written. */
  readonly chunkSizes?: readonly number[];
  /** Bytes on their way, in each direction, beyond which a write returns false. Default 65536. */
  readonly windowBytes?: number;
}

export interface MemoryStreamPair {
  readonly client: MemoryByteStream;
  readonly broker: MemoryByteStream;
}

/** Two ends of one connection in this process: what one writes, the other receives. */
export function createMemoryStreamPair(options: MemoryStreamOptions = {}): MemoryStreamPair {
  const client = new MemoryByteStream(options);
  const broker = new MemoryByteStream(options);
  client.join(broker);
  broker.join(client);
  return { client, broker };
}

/** One end of a connection, with means to disturb what arrives at it. */
export class MemoryByteStream implements ByteStream {
  readonly origin: StreamOrigin;
  readonly listener: Listener;
  readonly #options: MemoryStreamOptions;
  #peer: MemoryByteStream = this;
  #receiver: ByteReceiver | undefined;
  #state: "open" | "ending" | "closed" = "open";
  #flow: "flowing" | "paused" = "flowing";
  #network: "up" | "held" = "up";
  #inbox: Uint8Array[] = [];
  /** In the inbox or on their way to it. */
  #inboxBytes = 0;
  #nextChunk = 0;
  #drainDue = false;
  /** As far as this end knows. */
  #peerState: "open" | "closed" = "open";

  constructor(options: MemoryStreamOptions) {
    const { remoteAddress = "192.0.2.1", remotePort = 50_000 } = options;
    this.origin = { transport: "memory", remoteAddress, remotePort };
    this.listener = options.listener ?? createMemoryListener();
    this.#options = options;
  }

  /** Names the other end. */
  join(peer: MemoryByteStream): void {
    this.#peer = peer;
  }

  start(receiver: ByteReceiver): void {
    this.#receiver = receiver;
    queueMicrotask(() => this.#deliver());
  }

  write(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.#state !== "open" || start === end) return true;
    const peer = this.#peer;
    const copy = new Uint8Array(bytes.subarray(start, end));
    peer.#inboxBytes += copy.length;
    this.#travel(() => peer.#arrive(copy));
    this.#drainDue = this.writableLength > 0;
    return !this.#drainDue;
  }

  get writableLength(): number {
    return Math.max(0, this.#peer.#inboxBytes - (this.#options.windowBytes ?? 65_536));
  }

  pause(): void {
    this.#flow = "paused";
  }

  resume(): void {
    this.#flow = "flowing";
    queueMicrotask(() => this.#deliver());
  }

  end(): void {
    if (this.#state !== "open") return;
    this.#state = "ending";
    this.#travel(() => this.#peer.#close());
  }

  destroy(): void {
    this.#cutEnd(undefined);
    this.#peer.#cutEnd(undefined);
  }

  /** The network loses the connection: nothing more arrives at either end. */
  cut(error: Error = new Error("connection cut")): void {
    this.#cutEnd(error);
    this.#peer.#cutEnd(error);
  }

  /** The network holds back what is on its way to this end, until `release`. */
  hold(): void {
    this.#network = "held";
  }

  release(): void {
    this.#network = "up";
    queueMicrotask(() => this.#deliver());
  }

  #travel(arrive: () => void): void {
    const { latencyMs = 0, clock } = this.#options;
    if (latencyMs > 0 && clock !== undefined) clock.after(latencyMs, arrive);
    else queueMicrotask(arrive);
  }

  #arrive(bytes: Uint8Array): void {
    if (this.#state === "closed") return;
    this.#inbox.push(bytes);
    this.#deliver();
  }

  /** Whether bytes may go to the receiver at this moment; each call of it may change that. */
  #mayDeliver(): boolean {
    return this.#state !== "closed" && this.#flow === "flowing" && this.#network === "up";
  }

  #deliver(): void {
    while (this.#receiver !== undefined && this.#inbox.length > 0 && this.#mayDeliver()) {
      const chunk = this.#takeChunk();
      // What arrives after this end has closed its side is read and thrown away.
      if (this.#state === "open") this.#receiver.onBytes(chunk, 0, chunk.length);
      // The contract says "during the call only": whoever keeps the bytes shall notice.
      chunk.fill(0xdd);
      this.#peer.#drained();
    }
    if (this.#inbox.length === 0 && this.#peerState === "closed" && this.#mayDeliver()) this.#finish();
  }

  #takeChunk(): Uint8Array {
    const sizes = this.#options.chunkSizes;
    const bytes = this.#inbox[0] as Uint8Array;
    const size = Math.max(1, sizes?.[this.#nextChunk++ % sizes.length] ?? bytes.length);
    this.#inboxBytes -= Math.min(size, bytes.length);
    if (size >= bytes.length) this.#inbox.shift();
    else this.#inbox[0] = bytes.subarray(size);
    return bytes.subarray(0, size);
  }

  #drained(): void {
    if (!this.#drainDue || this.writableLength > 0) return;
    this.#drainDue = false;
    if (this.#state === "open") this.#receiver?.onDrained();
  }

  /** The other end has closed: after what it wrote, this end closes as well. */
  #close(): void {
    this.#peerState = "closed";
    this.#deliver();
  }

  #finish(): void {
    this.#state = "closed";
    this.#receiver?.onClosed();
    this.#travel(() => this.#peer.#close());
  }

  #cutEnd(error: Error | undefined): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#inbox = [];
    this.#inboxBytes = 0;
    queueMicrotask(() => this.#receiver?.onClosed(error));
  }
}

/** A listener without a network. */
export interface MemoryListener extends Listener {
  /** A client connects; the result is its end. Throws where the listener is not started. */
  connect(options?: Omit<MemoryStreamOptions, "listener">): MemoryByteStream;
}

export function createMemoryListener(
  options: Partial<Pick<Listener, "name" | "limits">> = {},
): MemoryListener {
  let onConnection: ((stream: ByteStream) => void) | undefined;
  const listener: MemoryListener = {
    name: options.name ?? "memory",
    url: "memory:",
    limits: options.limits ?? {},
    async start(accept) {
      onConnection = accept;
    },
    async stop() {
      onConnection = undefined;
    },
    connect(streamOptions = {}) {
      if (onConnection === undefined) throw new Error("The memory listener is not started.");
      const { client, broker } = createMemoryStreamPair({ ...streamOptions, listener });
      onConnection(broker);
      return client;
    },
  };
  return listener;
}
