import { decodePublishView, PacketType, PublishView } from "@dunlin/protocol";
import { Arrival, DeliveryCheck } from "./delivery-check.ts";
import { bucketOf } from "./latency-histogram.ts";
import { LoadClient } from "./load-client.ts";
import { Counter } from "./load-memory.ts";
import { filtersOf, publishersHeardBy } from "./load-plan.ts";
import { microsecondsBetween } from "./microsecond-clock.ts";
import { isBenchPayload, publisherOf, runIdOf, sequenceOf, timeOf } from "./payload.ts";
import type { WorkerContext } from "./worker-context.ts";

const PACKET_IDENTIFIERS = 65_536;
/** Publishers of other runs whose messages mode sub can follow. */
const FOREIGN_STREAMS = 100_000;

/** Takes messages, acknowledges them, and checks that none is missing, doubled or out of order. */
export class Subscriber extends LoadClient {
  readonly #view = new PublishView();
  readonly #first: number;
  readonly #publishers: number;
  readonly #check: DeliveryCheck;
  /** QoS 2 identifiers between PUBREC and PUBREL. */
  #unreleased: Uint8Array | undefined;
  /** With mode sub, where the publishers are not ours. */
  readonly #foreignStreams: Map<number, number> | undefined;

  constructor(context: WorkerContext, index: number) {
    super(context, "subscriber", index, filtersOf(context.plan, index));
    const { first, count } = publishersHeardBy(context.plan, index);
    this.#first = first;
    this.#publishers = count;
    const isAlone = context.plan.mode === "sub";
    this.#check = new DeliveryCheck(isAlone ? FOREIGN_STREAMS : count);
    this.#foreignStreams = isAlone ? new Map() : undefined;
  }

  protected override onPublish(
    bytes: Uint8Array,
    start: number,
    bodyStart: number,
    end: number,
    now: number,
  ): void {
    const view = this.#view;
    decodePublishView(view, bytes, start, bodyStart, end, this.version, "server");
    if (view.qos === 1) this.gather(PacketType.PUBACK, view.packetIdentifier);
    else if (view.qos === 2 && !this.#receive(view.packetIdentifier)) return;
    if (this.#foreignStreams === undefined) this.#take(bytes, view.payloadStart, end, now);
    else this.#takeForeign(bytes, view.payloadStart, end, this.#foreignStreams);
  }

  protected override onAcknowledgement(packetType: number, packetIdentifier: number): void {
    if (packetType === PacketType.PUBREL) {
      if (this.#unreleased !== undefined) this.#unreleased[packetIdentifier] = 0;
      this.gather(PacketType.PUBCOMP, packetIdentifier);
    } else this.context.counters[Counter.protocolErrors]! += 1;
  }

  /** False for a QoS 2 message that is sent again before its PUBREL: not a new one [MQTT-4.3.3-10]. */
  #receive(packetIdentifier: number): boolean {
    this.gather(PacketType.PUBREC, packetIdentifier);
    this.#unreleased ??= new Uint8Array(PACKET_IDENTIFIERS);
    if (this.#unreleased[packetIdentifier] === 1) return false;
    this.#unreleased[packetIdentifier] = 1;
    return true;
  }

  #take(bytes: Uint8Array, at: number, end: number, now: number): void {
    const { context } = this;
    const publisher = isBenchPayload(bytes, at, end) ? publisherOf(bytes, at) : -1;
    const stream = publisher - this.#first;
    if (stream < 0 || stream >= this.#publishers || runIdOf(bytes, at) !== context.plan.runId) {
      context.counters[Counter.foreign]! += 1;
      return;
    }
    if (!this.#isNew(stream, sequenceOf(bytes, at))) return;
    context.histogram[bucketOf(microsecondsBetween(timeOf(bytes, at), now))]! += 1;
    Atomics.sub(context.due, publisher, 1);
    context.onDelivered(publisher);
  }

  /** In a run of its own, a subscriber has not heard the beginning: a stream begins with its first message. */
  #takeForeign(bytes: Uint8Array, at: number, end: number, streams: Map<number, number>): void {
    const { counters } = this.context;
    if (!isBenchPayload(bytes, at, end)) {
      counters[Counter.delivered]! += 1;
      return;
    }
    const key = runIdOf(bytes, at) * 0x10_0000 + publisherOf(bytes, at);
    let stream = streams.get(key);
    if (stream === undefined) {
      stream = streams.size % FOREIGN_STREAMS;
      streams.set(key, stream);
      this.#check.begin(stream, sequenceOf(bytes, at));
    }
    const missing = this.#check.missing;
    this.#isNew(stream, sequenceOf(bytes, at));
    counters[Counter.missing]! += this.#check.missing - missing;
  }

  /** Counts a message; false where it came before. */
  #isNew(stream: number, sequence: number): boolean {
    const { counters } = this.context;
    const arrival = this.#check.arrive(stream, sequence);
    if (arrival === Arrival.Duplicate) {
      counters[Counter.duplicated]! += 1;
      return false;
    }
    if (arrival === Arrival.Late) counters[Counter.reordered]! += 1;
    counters[Counter.delivered]! += 1;
    return true;
  }
}
