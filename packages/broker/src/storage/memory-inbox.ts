import type { DeliveryState, InboxAppend, InboxMessage } from "../ports/store.ts";

export const emptyDeliveryState: DeliveryState = {
  firstUnacknowledged: 0,
  sentBefore: 0,
  acknowledged: [],
  released: [],
  inboundPacketIdentifiers: [],
};

/** What a message takes in memory beside its body. */
const OVERHEAD_BYTES = 200;

/** The body of a message, once for all inboxes that it is in. */
export interface HeldBody {
  readonly bytes: Uint8Array;
  inboxes: number;
}

interface HeldMessage {
  readonly message: InboxMessage;
  readonly held: HeldBody;
}

/** Bytes that all inboxes hold together. */
export interface InboxMemory {
  heldBytes: number;
}

/** The messages of one session that are not acknowledged, by sequence number. */
export class MemoryInbox {
  readonly #messages = new Map<number, HeldMessage>();
  readonly #memory: InboxMemory;
  #state: DeliveryState = emptyDeliveryState;
  #nextSequence = 0;

  constructor(memory: InboxMemory) {
    this.#memory = memory;
  }

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
    for (const { held } of this.#messages.values()) bytes += held.bytes.length;
    return bytes;
  }

  append(added: InboxAppend, bodyAt: (index: number) => HeldBody): void {
    let sequence = added.firstSequence;
    for (const { body, flags, subscriptionIdentifiers } of added.references) {
      const held = bodyAt(body);
      const message = { sequence, flags, subscriptionIdentifiers, body: held.bytes };
      this.#messages.set(sequence, { message, held });
      this.#memory.heldBytes += OVERHEAD_BYTES + (held.inboxes++ === 0 ? held.bytes.length : 0);
      sequence++;
    }
    this.#nextSequence = Math.max(this.#nextSequence, sequence);
  }

  advance(state: DeliveryState): void {
    const { firstUnacknowledged } = state;
    const last = Math.min(firstUnacknowledged, this.#nextSequence);
    for (let sequence = this.#state.firstUnacknowledged; sequence < last; sequence++) {
      this.#delete(sequence);
    }
    this.#state = state;
    this.#nextSequence = Math.max(this.#nextSequence, firstUnacknowledged, state.sentBefore);
    for (const sequence of state.acknowledged) {
      this.#delete(sequence);
      this.#nextSequence = Math.max(this.#nextSequence, sequence + 1);
    }
  }

  read(fromSequence: number, maximumMessages: number, maximumBytes: number): InboxMessage[] {
    const found: InboxMessage[] = [];
    let bytes = 0;
    const first = Math.max(fromSequence, this.#state.firstUnacknowledged);
    for (let sequence = first; sequence < this.#nextSequence; sequence++) {
      if (found.length >= maximumMessages || (found.length > 0 && bytes >= maximumBytes)) break;
      const message = this.#messages.get(sequence)?.message;
      if (message === undefined) continue;
      found.push(message);
      bytes += message.body.length;
    }
    return found;
  }

  /** Its session is deleted. */
  clear(): void {
    for (const sequence of this.#messages.keys()) this.#delete(sequence);
  }

  #delete(sequence: number): void {
    const held = this.#messages.get(sequence)?.held;
    if (held === undefined) return;
    this.#messages.delete(sequence);
    this.#memory.heldBytes -= OVERHEAD_BYTES + (--held.inboxes === 0 ? held.bytes.length : 0);
  }
}
