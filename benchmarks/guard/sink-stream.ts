import type { ByteReceiver, ByteStream, Clock, Listener, StreamOrigin } from "@dunlin/broker";

/** The broker's end of a connection without a network: takes all that is written, and counts. */
export class SinkStream implements ByteStream {
  readonly origin: StreamOrigin = { transport: "memory", remoteAddress: "192.0.2.1", remotePort: 50_000 };
  readonly listener: Listener;
  readonly writableLength = 0;
  writes = 0;
  bytes = 0;
  /** What was written, where `keeps` is set. */
  readonly written: Uint8Array[] = [];
  keeps = false;
  #receiver: ByteReceiver | undefined;

  constructor(listener: Listener) {
    this.listener = listener;
  }

  start(receiver: ByteReceiver): void {
    this.#receiver = receiver;
  }

  /** Bytes from the client. */
  receive(bytes: Uint8Array): void {
    this.#receiver!.onBytes(bytes, 0, bytes.length);
  }

  write(bytes: Uint8Array, start: number, end: number): boolean {
    this.writes++;
    this.bytes += end - start;
    if (this.keeps) this.written.push(bytes.slice(start, end));
    return true;
  }

  pause(): void {}
  resume(): void {}
  end(): void {}
  destroy(): void {}
}

/** A listener whose connections are sinks. */
export class SinkListener implements Listener {
  readonly name = "sink";
  readonly url = "memory:";
  readonly limits = {};
  #onConnection: ((stream: ByteStream) => void) | undefined;

  async start(onConnection: (stream: ByteStream) => void): Promise<void> {
    this.#onConnection = onConnection;
  }

  async stop(): Promise<void> {}

  connect(): SinkStream {
    const stream = new SinkStream(this);
    this.#onConnection!(stream);
    return stream;
  }
}

/** A clock whose turns are called, so that a turn begins and ends where the measurement says. */
export class TurnClock implements Clock {
  #due: (() => void)[] = [];

  now(): number {
    return Date.now();
  }

  /** Stands still: on a busy machine the broker would else think that a client takes too much of a turn. */
  monotonic(): number {
    return 0;
  }

  every(): () => void {
    return () => undefined;
  }

  after(): () => void {
    return () => undefined;
  }

  afterTurn(callback: () => void): void {
    this.#due.push(callback);
  }

  /** Ends the turn. */
  turn(): void {
    const due = this.#due;
    this.#due = [];
    for (const callback of due) callback();
  }
}
