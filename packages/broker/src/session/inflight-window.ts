/** How far one message has come, from the broker to a client. */
const UNSENT = 0;
const AWAITING_PUBACK = 1;
const AWAITING_PUBREC = 2;
const AWAITING_PUBCOMP = 3;
const DONE = 4;

const IDENTIFIERS = 65_535;
const SMALLEST_RING = 8;
/** Messages that may be acknowledged ahead of others that are not, beside those in flight. */
const ACKNOWLEDGED_AHEAD = 64;

/**
 * The QoS 1 and 2 messages of a session between first being sent and being acknowledged. Messages are numbered
 * in the order in which they are sent, and a message's Packet Identifier follows from its number. The window
 * never spans 65,535 numbers, so an identifier is used again only once all before it is done [MQTT-2.2.1-4].
 */
export class InflightWindow {
  /** The lowest sequence number that is not done. */
  first: number;
  /** The sequence number to be sent next. */
  next: number;
  /** Sequence numbers below have been sent before, on this or an earlier connection: again means DUP. */
  sentBefore: number;
  /** QoS 1 and 2 messages that the client may hold unacknowledged [MQTT-3.3.4-9]. */
  limit = 0;
  #inflight = 0;
  /** Size in bytes of the message that was done last, as given to `send`. */
  doneBytes = 0;
  /** State of sequence number s at s & (length - 1). */
  #ring: Uint8Array = EMPTY;
  /** Size in bytes, where any was given; else empty. */
  #sizes: Uint32Array = NO_SIZES;

  constructor(first: number, sentBefore: number) {
    this.first = this.next = first;
    this.sentBefore = sentBefore;
  }

  get inflight(): number {
    return this.#inflight;
  }

  get canSend(): boolean {
    // A client that leaves one out for ever would make a long list, stored again with every acknowledgement.
    const span = Math.min(IDENTIFIERS, this.limit + ACKNOWLEDGED_AHEAD);
    return this.#inflight < this.limit && this.next - this.first < span;
  }

  /** Takes the next sequence number and returns its Packet Identifier. `bytes`: for the caller's own account. */
  send(qos: number, bytes: number): number {
    const sequence = this.next++;
    this.#set(sequence, qos === 1 ? AWAITING_PUBACK : AWAITING_PUBREC);
    if (bytes > 0) this.#setSize(sequence, bytes);
    this.#inflight++;
    if (this.sentBefore < this.next) this.sentBefore = this.next;
    return packetIdentifierOf(sequence);
  }

  /** Passes over the next sequence number: its message expired, or does not fit the client. */
  skip(): void {
    const sequence = this.next++;
    this.#set(sequence, DONE);
    if (this.sentBefore < this.next) this.sentBefore = this.next;
    this.#advance();
  }

  /** On resumption: whether the next sequence number has been acknowledged on an earlier connection. */
  get nextIsDone(): boolean {
    return this.next < this.sentBefore && this.#get(this.next) === DONE;
  }

  /** On resumption: whether PUBREL, not PUBLISH, is due for the next sequence number [MQTT-4.3.3-6]. */
  get nextIsReleased(): boolean {
    return this.next < this.sentBefore && this.#get(this.next) === AWAITING_PUBCOMP;
  }

  /** On resumption: passes over a sequence number that is done. */
  passDone(): void {
    this.next++;
    this.#advance();
  }

  /** On resumption: takes up a released sequence number again and returns its Packet Identifier. */
  sendReleased(): number {
    this.#inflight++;
    return packetIdentifierOf(this.next++);
  }

  /** PUBACK. The sequence number that is done by it; -1 where the client owes no such answer. */
  acknowledge(packetIdentifier: number): number {
    const sequence = this.#sequenceOf(packetIdentifier);
    if (sequence < 0 || this.#get(sequence) !== AWAITING_PUBACK) return -1;
    return this.#finish(sequence);
  }

  /** PUBREC with a Reason Code of 0x80 or more: treated as acknowledged [MQTT-4.4.0-2]. */
  refuse(packetIdentifier: number): number {
    const sequence = this.#sequenceOf(packetIdentifier);
    if (sequence < 0 || this.#get(sequence) !== AWAITING_PUBREC) return -1;
    return this.#finish(sequence);
  }

  /** PUBREC. False where the client owes none (a repeated one is fine: its PUBREL may have been lost). */
  release(packetIdentifier: number): boolean {
    const sequence = this.#sequenceOf(packetIdentifier);
    if (sequence < 0) return false;
    const state = this.#get(sequence);
    if (state !== AWAITING_PUBREC && state !== AWAITING_PUBCOMP) return false;
    this.#set(sequence, AWAITING_PUBCOMP);
    return true;
  }

  /** PUBCOMP. The sequence number that is done by it; -1 where the client owes no such answer. */
  complete(packetIdentifier: number): number {
    const sequence = this.#sequenceOf(packetIdentifier);
    if (sequence < 0 || this.#get(sequence) !== AWAITING_PUBCOMP) return -1;
    return this.#finish(sequence);
  }

  /** A new connection resumes: all that is not done is due again, in the order it was first sent [MQTT-4.4.0-1]. */
  rewind(): void {
    for (let sequence = this.first; sequence < this.next; sequence++) {
      const state = this.#get(sequence);
      if (state === AWAITING_PUBACK || state === AWAITING_PUBREC) this.#set(sequence, UNSENT);
    }
    this.next = this.first;
    this.#inflight = 0;
  }

  /** Numbers sent to the client and not done, lowest first. */
  *unacknowledged(): Generator<{ sequence: number; qos: 1 | 2 }> {
    for (let sequence = this.first; sequence < this.next; sequence++) {
      const state = this.#get(sequence);
      if (state === AWAITING_PUBACK) yield { sequence, qos: 1 };
      else if (state === AWAITING_PUBREC || state === AWAITING_PUBCOMP) yield { sequence, qos: 2 };
    }
  }

  /** What a store keeps beside `first` and `sentBefore`. */
  saved(): { acknowledged: number[]; released: number[] } {
    const acknowledged: number[] = [];
    const released: number[] = [];
    // After a crash all that is queued may have been sent: beyond the ring it has no state of its own.
    const end = Math.min(this.sentBefore, this.first + this.#ring.length);
    for (let sequence = this.first; sequence < end; sequence++) {
      const state = this.#get(sequence);
      if (state === DONE) acknowledged.push(sequence);
      else if (state === AWAITING_PUBCOMP) released.push(sequence);
    }
    return { acknowledged, released };
  }

  /** Takes back what `saved` gave. */
  restore(acknowledged: readonly number[], released: readonly number[]): void {
    for (const sequence of acknowledged) this.#set(sequence, DONE);
    for (const sequence of released) this.#set(sequence, AWAITING_PUBCOMP);
  }

  #sequenceOf(packetIdentifier: number): number {
    const ahead = (packetIdentifier - packetIdentifierOf(this.first) + IDENTIFIERS) % IDENTIFIERS;
    const sequence = this.first + ahead;
    return sequence < this.next ? sequence : -1;
  }

  #finish(sequence: number): number {
    this.#set(sequence, DONE);
    this.doneBytes = this.#sizes.length > 0 ? this.#sizes[sequence & (this.#sizes.length - 1)]! : 0;
    this.#inflight--;
    this.#advance();
    return sequence;
  }

  #advance(): void {
    const mask = this.#ring.length - 1;
    while (this.first < this.next && this.#ring[this.first & mask] === DONE) {
      this.#ring[this.first & mask] = UNSENT;
      this.first++;
    }
  }

  #get(sequence: number): number {
    return sequence - this.first < this.#ring.length
      ? this.#ring[sequence & (this.#ring.length - 1)]!
      : UNSENT;
  }

  #set(sequence: number, state: number): void {
    if (sequence - this.first >= this.#ring.length) this.#grow(sequence - this.first + 1);
    this.#ring[sequence & (this.#ring.length - 1)] = state;
  }

  #setSize(sequence: number, bytes: number): void {
    if (this.#sizes.length < this.#ring.length) {
      const sizes = new Uint32Array(this.#ring.length);
      for (let each = this.first; each < sequence; each++) {
        sizes[each & (sizes.length - 1)] = this.#sizes[each & (this.#sizes.length - 1)] ?? 0;
      }
      this.#sizes = sizes;
    }
    this.#sizes[sequence & (this.#sizes.length - 1)] = bytes;
  }

  #grow(span: number): void {
    let length = Math.max(SMALLEST_RING, this.#ring.length);
    while (length < span) length *= 2;
    const ring = new Uint8Array(length);
    for (let ahead = 0; ahead < this.#ring.length; ahead++) {
      const sequence = this.first + ahead;
      ring[sequence & (length - 1)] = this.#ring[sequence & (this.#ring.length - 1)]!;
    }
    this.#ring = ring;
  }
}

const EMPTY = new Uint8Array(0);
const NO_SIZES = new Uint32Array(0);

/** 1 to 65,535. */
export function packetIdentifierOf(sequence: number): number {
  return (sequence % IDENTIFIERS) + 1;
}
