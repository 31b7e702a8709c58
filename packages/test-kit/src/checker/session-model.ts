import type { Received, SubscriptionChange } from "./history.ts";
import type { MessageRecord } from "./message-record.ts";
import { SubscriptionSpan } from "./subscription-span.ts";

/** One delivery under one Packet Identifier, which may be repeated. */
interface KnownDelivery {
  readonly id: string;
  /** Counts the deliveries of a session. */
  readonly place: number;
}

/** One session, as far as one can know from outside. */
export class SessionModel {
  readonly client: string;
  /** "unsure": it may have ended, or another one may have begun, without anyone being told. */
  existence: "sure" | "unsure" = "unsure";
  /** Goes up whenever something about it becomes unsure. */
  epoch = 0;
  expirySeconds: number;
  spans: SubscriptionSpan[] = [];
  /** Acknowledged, and not yet received. */
  readonly owed: Set<MessageRecord> = new Set();
  readonly received: Set<string> = new Set();
  readonly #qos2Copies = new Map<string, number>();
  /** By publisher, topic and QoS: the latest that was received, as a place in the history. */
  readonly #latest = new Map<string, number>();
  /** By Packet Identifier: what the client has not finished. */
  readonly #unfinished = new Map<number, string>();
  readonly #deliveries = new Map<string, KnownDelivery>();
  #nextPlace = 0;
  /** Place of the last delivery on this connection. */
  #connectionPlace = -1;

  constructor(client: string, expirySeconds: number) {
    this.client = client;
    this.expirySeconds = expirySeconds;
  }

  /** From here on the session may be another one, or an earlier state of itself. */
  becomeUnsure(): void {
    this.existence = "unsure";
    this.epoch++;
    for (const span of this.spans) span.isSure = false;
    this.owed.clear();
    this.#qos2Copies.clear();
    this.#latest.clear();
    this.#unfinished.clear();
    this.#deliveries.clear();
  }

  /** The store has gone back to any earlier state: what was in force at any time may be so again. */
  becomeOlder(spans: readonly SubscriptionSpan[]): void {
    this.becomeUnsure();
    this.spans = [...spans];
    for (const span of spans) {
      span.isSure = false;
      span.endedAt = undefined;
    }
  }

  connected(expirySeconds: number): void {
    this.existence = "sure";
    this.expirySeconds = expirySeconds;
    this.#connectionPlace = -1;
    for (const span of this.spans) if (span.state === "asked") span.state = "unanswered";
  }

  subscribing(change: SubscriptionChange, at: number): SubscriptionSpan {
    const span = new SubscriptionSpan(change, at);
    for (const each of this.#namesakes(change.topicFilter)) {
      // Which of the two is in force, nobody knows until SUBACK.
      if (!each.isAsGoodAs(span)) {
        each.isSure = false;
        each.doubtedAt = at;
      }
    }
    this.spans.push(span);
    return span;
  }

  /** SUBACK: of the first SUBSCRIBE that has not been answered. */
  subscribed(topicFilter: string, at: number): void {
    const spans = this.#namesakes(topicFilter);
    const index = spans.findIndex(({ state }) => state === "asked");
    const span = spans[index];
    if (span === undefined) return;
    span.state = "granted";
    span.grantedAt = at;
    span.isSure =
      span.endingAt === undefined && spans.slice(index + 1).every((later) => span.isAsGoodAs(later));
    for (const before of spans.slice(0, index)) this.#end(before, at);
  }

  unsubscribing(topicFilter: string, at: number): void {
    for (const span of this.#namesakes(topicFilter)) {
      span.isSure = false;
      span.endingAt ??= at;
      span.doubtedAt = at;
    }
  }

  /** Those that were subscribed to anew meanwhile stay. */
  unsubscribed(topicFilter: string, at: number): void {
    for (const span of this.#namesakes(topicFilter)) if (span.endingAt !== undefined) this.#end(span, at);
  }

  /** Whether a subscription of its own, not a shared one, makes it get the message for certain. */
  mustReceive({ published }: MessageRecord): boolean {
    return this.spans.some(
      (span) =>
        span.isSure &&
        !span.isShared &&
        span.qos > 0 &&
        !(span.noLocal && published.client === this.client) &&
        span.matches(published.topicName),
    );
  }

  /** Whether it may have had no subscription for a while since the message was published. */
  mayHaveMissed({ published, publishedAt }: MessageRecord): boolean {
    return this.spans.some(
      (span) => span.doubtedAt > publishedAt && !span.isShared && span.matches(published.topicName),
    );
  }

  /** Those that may have brought the message here; a retained one knows nothing of who sent it. */
  spansFor({ published, publishedAt }: MessageRecord, isRetained: boolean): SubscriptionSpan[] {
    const isOwn = published.client === this.client && published.will !== true && !isRetained;
    return this.spans.filter(
      (span) =>
        (isRetained || span.mayHaveApplied(publishedAt)) &&
        !(span.noLocal && isOwn) &&
        span.matches(published.topicName),
    );
  }

  /** Counts a copy of a QoS 2 message. */
  countQoS2(id: string): number {
    const copies = (this.#qos2Copies.get(id) ?? 0) + 1;
    this.#qos2Copies.set(id, copies);
    return copies;
  }

  /** Whether a later message of the same publisher, topic and QoS has come before. */
  isOutOfOrder({ published, publishedAt }: MessageRecord, { id, topicName, qos }: Received): boolean {
    if (this.received.has(id)) return false;
    const key = `${qos} ${published.qos} ${published.client} ${topicName}`;
    const latest = this.#latest.get(key) ?? -1;
    if (publishedAt > latest) this.#latest.set(key, publishedAt);
    return publishedAt < latest;
  }

  /** What another message still uses the Packet Identifier, if one does. */
  identifierHolder(packetIdentifier: number, id: string): string | undefined {
    const holder = this.#unfinished.get(packetIdentifier);
    this.#unfinished.set(packetIdentifier, id);
    return holder === id ? undefined : holder;
  }

  finish(packetIdentifier: number): void {
    this.#unfinished.delete(packetIdentifier);
  }

  /** Notes a delivery under its Packet Identifier: whether it had come before, and whether out of order. */
  deliver(packetIdentifier: number, id: string): { isRepeated: boolean; isOutOfOrder: boolean } {
    const key = `${packetIdentifier} ${id}`;
    const known = this.#deliveries.get(key);
    const place = known?.place ?? this.#nextPlace++;
    if (known === undefined) this.#deliveries.set(key, { id, place });
    const isOutOfOrder = place <= this.#connectionPlace;
    this.#connectionPlace = Math.max(place, this.#connectionPlace);
    return { isRepeated: known !== undefined, isOutOfOrder };
  }

  #namesakes(topicFilter: string): SubscriptionSpan[] {
    return this.spans.filter(({ name, endedAt }) => name === topicFilter && endedAt === undefined);
  }

  #end(span: SubscriptionSpan, at: number): void {
    span.isSure = false;
    span.endedAt = at;
  }
}
