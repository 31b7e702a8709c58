/** A message that waits in memory: its body, and what its delivery asks for. */
export interface QueuedMessage {
  readonly body: Uint8Array;
  readonly flags: number;
  readonly subscriptionIdentifiers: readonly number[] | undefined;
  /** The Shared Subscription that it came through, `$share/` included. */
  readonly shareFilter: string | undefined;
}

/** What a message takes in memory beside its body. */
const OVERHEAD_BYTES = 200;

/** First in, first out; counts bytes. Costs nothing while empty. */
export class MessageQueue {
  #messages: (QueuedMessage | undefined)[] = NONE;
  #head = 0;
  #bytes = 0;

  get length(): number {
    return this.#messages.length - this.#head;
  }

  /** Of bodies. */
  get bytes(): number {
    return this.#bytes;
  }

  /** In memory. */
  get heldBytes(): number {
    return this.#bytes + this.length * OVERHEAD_BYTES;
  }

  push(message: QueuedMessage): void {
    if (this.#messages === NONE) this.#messages = [];
    this.#messages.push(message);
    this.#bytes += message.body.length;
  }

  shift(): QueuedMessage | undefined {
    const message = this.#messages[this.#head];
    if (message === undefined) return undefined;
    this.#messages[this.#head++] = undefined;
    this.#bytes -= message.body.length;
    if (this.#head === this.#messages.length) {
      this.#messages = NONE;
      this.#head = 0;
    } else if (this.#head >= 1024 && this.#head * 2 >= this.#messages.length) {
      this.#messages.splice(0, this.#head);
      this.#head = 0;
    }
    return message;
  }

  takeAll(): QueuedMessage[] {
    const messages: QueuedMessage[] = [];
    for (let message = this.shift(); message !== undefined; message = this.shift()) messages.push(message);
    return messages;
  }
}

/** Shared by all empty queues; never pushed to. */
const NONE: (QueuedMessage | undefined)[] = [];
