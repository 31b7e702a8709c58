import type { PublishPacket } from "@dunlin/protocol";

/** Messages that wait for the program; beyond it nothing more is read from the broker, unless it owes an answer. */
const MAXIMUM_WAITING = 1000;

export interface MessageQueueOptions {
  /** The program takes a message: the time to acknowledge it. */
  readonly onTaken: (message: PublishPacket) => void;
  /** As many wait as may; again for each further one. */
  readonly onFull: () => void;
  readonly onRoom: () => void;
}

/** Received messages on their way to one reader. */
export class MessageQueue {
  private readonly options: MessageQueueOptions;
  private waiting: PublishPacket[] = [];
  private wake: (() => void) | undefined;
  private end: { readonly error: Error | undefined } | undefined;

  constructor(options: MessageQueueOptions) {
    this.options = options;
  }

  push(message: PublishPacket): void {
    this.waiting.push(message);
    if (this.waiting.length >= MAXIMUM_WAITING) this.options.onFull();
    this.wake?.();
  }

  /** Nothing follows. The reader still gets what waits, then the error if there is one. */
  close(error: Error | undefined): void {
    this.end ??= { error };
    this.wake?.();
  }

  /** Ends without error when `signal` is aborted. */
  async *read(signal: AbortSignal): AsyncGenerator<PublishPacket, void, void> {
    const onAbort = (): void => this.wake?.();
    signal.addEventListener("abort", onAbort);
    try {
      while (!signal.aborted) {
        const message = this.take();
        if (message !== undefined) {
          yield message;
        } else if (this.end !== undefined) {
          if (this.end.error !== undefined) throw this.end.error;
          return;
        } else {
          await new Promise<void>((resolve) => {
            this.wake = resolve;
          });
        }
      }
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  private take(): PublishPacket | undefined {
    const message = this.waiting.shift();
    if (message === undefined) return undefined;
    if (this.waiting.length === MAXIMUM_WAITING - 1) this.options.onRoom();
    this.options.onTaken(message);
    return message;
  }
}
