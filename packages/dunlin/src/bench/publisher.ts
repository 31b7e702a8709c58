import { PacketType } from "@dunlin/protocol";
import { IdentifierRing } from "./identifier-ring.ts";
import { LoadClient } from "./load-client.ts";
import { Counter } from "./load-memory.ts";
import { deliveriesPerMessage, topicsOf } from "./load-plan.ts";
import { PacketRing } from "./packet-ring.ts";
import type { WorkerContext } from "./worker-context.ts";

const MAXIMUM_IDENTIFIERS = 65_535;

/** Sends PUBLISH packets as fast as window and flow control allow, or by schedule. */
export class Publisher extends LoadClient {
  /** Messages that may be sent by now: all, or as many as the schedule has come to. */
  target = 0;
  /** Waits in the worker's list for its next turn. */
  isQueued = false;
  /** The time of the message `number`, which stands in it; undefined: the time when it is sent. */
  timeOfMessage: ((number: number) => number) | undefined;

  readonly #ring: PacketRing;
  /** By stream. */
  readonly #sequences: Uint32Array;
  readonly #qos: number;
  readonly #fan: number;
  #identifiers: IdentifierRing;
  #window = Number.POSITIVE_INFINITY;
  #sent = 0;
  #acknowledged = 0;
  #slot = 0;

  constructor(context: WorkerContext, index: number) {
    super(context, "publisher", index, []);
    const { plan } = context;
    this.#ring = new PacketRing(plan, index, topicsOf(plan, index), this.version);
    this.#sequences = new Uint32Array(plan.mode === "filters" ? plan.subscribers : 1);
    this.#qos = plan.publishQoS;
    this.#fan = deliveriesPerMessage(plan);
    this.#identifiers = new IdentifierRing(1);
  }

  get sent(): number {
    return this.#sent;
  }

  /** Sends what may be sent now, one batch at most; true when more may be sent afterwards. */
  pump(now: number): boolean {
    if (this.state !== "ready" || this.isBlocked) return false;
    let rest = Math.min(this.#allowed(), this.context.plan.batch);
    while (rest > 0 && !this.isBlocked) {
      const count = Math.min(rest, this.#ring.slots - this.#slot);
      this.#sendRun(count, now);
      rest -= count;
    }
    return !this.isBlocked && this.#allowed() > 0;
  }

  protected override onReady(): void {
    if (this.#qos === 0) return;
    const receiveMaximum = this.connack?.properties.receiveMaximum ?? MAXIMUM_IDENTIFIERS;
    this.#window = Math.min(this.context.plan.window, receiveMaximum, MAXIMUM_IDENTIFIERS);
    this.#identifiers = new IdentifierRing(Math.min(2 * this.#window, MAXIMUM_IDENTIFIERS));
  }

  override onWritten(): void {
    super.onWritten();
    this.context.onDelivered(this.index);
  }

  protected override onPublish(): void {
    this.context.counters[Counter.protocolErrors]! += 1;
  }

  protected override onAcknowledgement(
    packetType: number,
    packetIdentifier: number,
    reasonCode: number,
  ): void {
    const { counters } = this.context;
    if (!this.#identifiers.isAwaited(packetIdentifier, packetType)) {
      counters[Counter.protocolErrors]! += 1;
      return;
    }
    // A PUBREC that refuses ends the exchange [MQTT 5.0, 4.3.3].
    if (packetType === PacketType.PUBREC && reasonCode < 0x80) {
      this.#identifiers.await(packetIdentifier, PacketType.PUBCOMP);
      this.gather(PacketType.PUBREL, packetIdentifier);
      return;
    }
    if (reasonCode >= 0x80) counters[Counter.refused]! += 1;
    this.#identifiers.give(packetIdentifier);
    this.#acknowledged++;
    counters[Counter.acknowledged]! += 1;
    this.context.onDelivered(this.index);
  }

  #allowed(): number {
    let allowed = this.target - this.#sent;
    if (this.#qos > 0) allowed = Math.min(allowed, this.#window - (this.#sent - this.#acknowledged));
    const { inFlight } = this.context.plan;
    if (inFlight > 0 && this.#fan > 0) {
      const delivering = Math.ceil(Atomics.load(this.context.due, this.index) / this.#fan);
      allowed = Math.min(allowed, inFlight - delivering);
    }
    return allowed;
  }

  #sendRun(count: number, now: number): void {
    const ring = this.#ring;
    const first = this.#slot;
    const awaited = this.#qos === 1 ? PacketType.PUBACK : PacketType.PUBREC;
    for (let slot = first; slot < first + count; slot++) {
      const identifier = this.#qos > 0 ? this.#identifiers.take(awaited) : 0;
      const stream = ring.streams[slot]!;
      const sequence = this.#sequences[stream]!;
      this.#sequences[stream] = sequence + 1;
      const time = this.timeOfMessage === undefined ? now : this.timeOfMessage(this.#sent);
      ring.patch(slot, identifier, sequence, time);
      this.#sent++;
    }
    this.context.counters[Counter.sent]! += count;
    if (this.#fan > 0) Atomics.add(this.context.due, this.index, count * this.#fan);
    this.#slot = first + count === ring.slots ? 0 : first + count;
    this.write(ring.bytes, ring.startOf(first), ring.startOf(first + count));
  }
}
