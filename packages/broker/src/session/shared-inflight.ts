/** A message that came through a Shared Subscription, `$share/` included. */
export interface SharedMessage {
  readonly body: Uint8Array;
  readonly shareFilter: string;
}

/** Messages of Shared Subscriptions that are in flight, by sequence number, so that another member can have them. */
export class SharedInflight {
  readonly #messages = new Map<number, SharedMessage>();
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  get(sequence: number): SharedMessage | undefined {
    return this.#messages.get(sequence);
  }

  add(sequence: number, message: SharedMessage): void {
    this.#messages.set(sequence, message);
    this.#bytes += message.body.length;
  }

  /** Returns the bytes that are free now. */
  delete(sequence: number): number {
    const length = this.#messages.get(sequence)?.body.length ?? 0;
    this.#messages.delete(sequence);
    this.#bytes -= length;
    return length;
  }
}
