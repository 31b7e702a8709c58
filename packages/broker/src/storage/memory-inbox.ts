import type { DeliveryState, InboxAppend, InboxMessage } from "../ports/store.ts";

export const emptyDeliveryState: DeliveryState = {
  firstUnacknowledged: 0,
  sentBefore: 0,
  acknowledged: [],
  released: [],
  inboundPacketIdentifiers: [],
};

/** The messages of one session that are not acknowledged, by sequence number. */
export class MemoryInbox {
  readonly #messages = new Map<number, InboxMessage>();
  #state: DeliveryState = emptyDeliveryState;
  #nextSequence = 0;

  get state(): DeliveryState {
    return this.#state;
  }

  get nextSequence(): number {
    return this.#nextSequence;
  }

  get queuedMessages(): number {
    return this.#messages.size;
  }

  get queuedBytes(): number {
    let bytes = 0;
    for (const message of this.#messages.values()) bytes += message.body.length;
    return bytes;
  }

  append(added: InboxAppend, bodyAt: (index: number) => Uint8Array): void {
    let sequence = added.firstSequence;
    for (const { body, flags, subscriptionIdentifiers } of added.references) {
      this.#messages.set(sequence, { sequence, flags, subscriptionIdentifiers, body: bodyAt(body) });
      sequence++;
    }
    this.#nextSequence = Math.max(this.#nextSequence, sequence);
  }

  advance(state: DeliveryState): void {
    const { firstUnacknowledged } = state;
    const last = Math.min(firstUnacknowledged, this.#nextSequence);
    for (let sequence = this.#state.firstUnacknowledged; sequence < last; sequence++) {
      this.#messages.delete(sequence);
    }
    this.#state = state;
    this.#nextSequence = Math.max(this.#nextSequence, firstUnacknowledged, state.sentBefore);
    for (const sequence of state.acknowledged) {
      this.#messages.delete(sequence);
      this.#nextSequence = Math.max(this.#nextSequence, sequence + 1);
    }
  }

  read(fromSequence: number, maximumMessages: number, maximumBytes: number): InboxMessage[] {
    const found: InboxMessage[] = [];
    let bytes = 0;
    const first = Math.max(fromSequence, this.#state.firstUnacknowledged);
    for (let sequence = first; sequence < this.#nextSequence; sequence++) {
      if (found.length >= maximumMessages || (found.length > 0 && bytes >= maximumBytes)) break;
      const message = this.#messages.get(sequence);
      if (message === undefined) continue;
      found.push(message);
      bytes += message.body.length;
    }
    return found;
  }
}
