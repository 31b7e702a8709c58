import type { ByteReceiver, ByteStream, Clock, Listener, StreamOrigin } from "@dunlin/broker";
import type { Dice } from "./dice.ts";

export interface LinkOptions {
  readonly listener: Listener;
  readonly clock: Clock;
  readonly dice: Dice;
  /** Longest delay of what is sent. */
  readonly delayMs: number;
  /** Longest piece that arrives at once. */
  readonly pieceBytes: number;
  /** Bytes on their way beyond which a writer has to wait. */
  readonly windowBytes: number;
}

interface Piece {
  readonly bytes: Uint8Array;
  readonly arrivesMs: number;
}

/** A network connection: in order, at its own pace, in pieces of any size, until it breaks. */
export class Link {
  readonly client: LinkEnd;
  readonly broker: LinkEnd;
  readonly options: LinkOptions;
  /** half-open: nothing gets through any more, and nobody is told. */
  state: "up" | "half-open" | "down" = "up";
  heldUntilMs = 0;

  constructor(options: LinkOptions) {
    this.options = options;
    this.client = new LinkEnd(this);
    this.broker = new LinkEnd(this);
    this.client.peer = this.broker;
    this.broker.peer = this.client;
  }

  /** Both ends lose it at once, with all that is on its way: in the middle of a packet, as it happens. */
  cut(): void {
    if (this.state === "down") return;
    this.state = "down";
    this.client.lose();
    this.broker.lose();
  }

  halfOpen(): void {
    if (this.state === "up") this.state = "half-open";
  }

  /** The client gives it up; where nothing gets through, the broker does not notice. */
  abandon(): void {
    if (this.state === "half-open") this.client.lose();
    else this.cut();
  }

  /** What is on its way takes longer. */
  hold(ms: number): void {
    this.heldUntilMs = this.options.clock.monotonic() + ms;
  }
}

export class LinkEnd implements ByteStream {
  readonly link: Link;
  readonly origin: StreamOrigin = { transport: "memory", remoteAddress: "192.0.2.1", remotePort: 50_000 };
  readonly listener: Listener;
  peer: LinkEnd = this;
  state: "open" | "ending" | "closed" = "open";
  #receiver: ByteReceiver | undefined;
  #isPaused = false;
  #pieces: Piece[] = [];
  #inFlight = 0;
  #latestMs = 0;
  #isDue = false;
  #drainDue = false;
  #peerEnded = false;

  constructor(link: Link) {
    this.link = link;
    this.listener = link.options.listener;
  }

  start(receiver: ByteReceiver): void {
    this.#receiver = receiver;
    this.#schedule();
  }

  write(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.state !== "open" || this.link.state !== "up") return true;
    const { peer } = this;
    const { dice, pieceBytes, windowBytes } = this.link.options;
    for (let at = start; at < end; ) {
      const to = Math.min(end, at + 1 + dice.below(pieceBytes));
      peer.#arrive(new Uint8Array(bytes.subarray(at, to)));
      at = to;
    }
    this.#drainDue = peer.#inFlight > windowBytes;
    return !this.#drainDue;
  }

  get writableLength(): number {
    return Math.max(0, this.peer.#inFlight - this.link.options.windowBytes);
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#schedule();
  }

  end(): void {
    if (this.state !== "open") return;
    this.state = "ending";
    const { peer } = this;
    if (this.link.state !== "up") return;
    peer.#peerEnded = true;
    peer.#schedule();
  }

  destroy(): void {
    this.link.cut();
  }

  lose(): void {
    if (this.state === "closed") return;
    this.state = "closed";
    this.#pieces = [];
    this.#inFlight = 0;
    queueMicrotask(() => this.#receiver?.onClosed(new Error("the network lost the connection")));
  }

  #arrive(bytes: Uint8Array): void {
    const { clock, dice, delayMs } = this.link.options;
    const arrivesMs = Math.max(this.#latestMs, clock.monotonic() + dice.below(delayMs + 1));
    this.#latestMs = arrivesMs;
    this.#pieces.push({ bytes, arrivesMs });
    this.#inFlight += bytes.length;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isDue || this.#isPaused || this.#receiver === undefined || this.state === "closed") return;
    const [piece] = this.#pieces;
    if ((piece === undefined && !this.#peerEnded) || this.link.state !== "up") return;
    const { clock } = this.link.options;
    const nowMs = clock.monotonic();
    const atMs = Math.max(piece?.arrivesMs ?? nowMs, this.link.heldUntilMs);
    this.#isDue = true;
    clock.after(Math.max(0, atMs - nowMs), () => {
      this.#isDue = false;
      this.#deliver();
      this.#schedule();
    });
  }

  #deliver(): void {
    const nowMs = this.link.options.clock.monotonic();
    for (;;) {
      // Half open, it arrives nowhere.
      if (this.#isPaused || this.state === "closed" || this.link.state !== "up") return;
      if (nowMs < this.link.heldUntilMs) return;
      const piece = this.#pieces[0];
      if (piece === undefined) return this.#finish();
      if (piece.arrivesMs > nowMs) return;
      this.#pieces.shift();
      this.#inFlight -= piece.bytes.length;
      // What arrives after this end has closed its side is read and thrown away.
      if (this.state === "open") this.#receiver?.onBytes(piece.bytes, 0, piece.bytes.length);
      // The bytes are the receiver's during the call only.
      piece.bytes.fill(0xdd);
      this.peer.#drained();
    }
  }

  #drained(): void {
    if (!this.#drainDue || this.writableLength > 0 || this.state !== "open") return;
    this.#drainDue = false;
    this.#receiver?.onDrained();
  }

  /** The other end has closed, and all that it sent has come. */
  #finish(): void {
    if (!this.#peerEnded) return;
    this.state = "closed";
    this.#receiver?.onClosed();
    if (this.peer.state === "closed") this.link.state = "down";
    else {
      this.peer.#peerEnded = true;
      this.peer.#schedule();
    }
  }
}
