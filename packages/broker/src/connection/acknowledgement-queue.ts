/** Numbers taken out before the rest is moved to the front. */
const WORTH_MOVING = 2048;

/**
 * Acknowledgements in the order in which they are due, each with the commit group that it waits for: an
 * acknowledgement never overtakes the one before [MQTT-4.6.0-2]. Costs nothing while empty.
 */
export class AcknowledgementQueue {
  /** Packet type, Reason Code and Packet Identifier in one number, then the ticket. */
  #entries: number[] = NONE;
  #head = 0;
  /** Numbers that stood before the first one. */
  #gone = 0;
  /** By place, `#gone` included; few have one. */
  #reasonStrings: Map<number, string> | undefined;

  get length(): number {
    return (this.#entries.length - this.#head) / 2;
  }

  push(
    packetType: number,
    packetIdentifier: number,
    reasonCode: number,
    ticket: number,
    reasonString: string | undefined,
  ): void {
    if (this.#entries === NONE) this.#entries = [];
    if (reasonString !== undefined) {
      this.#reasonStrings ??= new Map();
      this.#reasonStrings.set(this.#gone + this.#entries.length, reasonString);
    }
    this.#entries.push((packetType << 24) | (reasonCode << 16) | packetIdentifier, ticket);
  }

  /** Moves to the next one if its group is stored; its parts can then be read. */
  shift(committed: number): boolean {
    if (this.#head >= this.#entries.length || this.#entries[this.#head + 1]! > committed) return false;
    const entry = this.#entries[this.#head]!;
    this.packetType = entry >>> 24;
    this.reasonCode = (entry >>> 16) & 0xff;
    this.packetIdentifier = entry & 0xffff;
    this.reasonString = this.#reasonStrings?.get(this.#gone + this.#head);
    if (this.reasonString !== undefined) this.#reasonStrings?.delete(this.#gone + this.#head);
    this.#head += 2;
    if (this.#head === this.#entries.length) {
      this.#entries = NONE;
      this.#head = this.#gone = 0;
      this.#reasonStrings = undefined;
    } else if (this.#head >= WORTH_MOVING && this.#head * 2 >= this.#entries.length) {
      // A client that always has more to come never lets the queue run empty.
      this.#entries.splice(0, this.#head);
      this.#gone += this.#head;
      this.#head = 0;
    }
    return true;
  }

  packetType = 0;
  reasonCode = 0;
  packetIdentifier = 0;
  reasonString: string | undefined;
}

/** Shared by all empty queues; never pushed to. */
const NONE: number[] = [];
