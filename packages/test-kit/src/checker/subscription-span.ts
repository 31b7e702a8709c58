import { matchTopic, parseSharedFilter, type QoS } from "@dunlin/protocol";
import type { SubscriptionChange } from "./history.ts";

/** A subscription from when it may have been made until it is gone. Times are places in the history. */
export class SubscriptionSpan {
  /** As subscribed to. */
  readonly name: string;
  readonly isShared: boolean;
  readonly qos: QoS;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  /** 0: none. */
  readonly identifier: number;
  readonly askedAt: number;
  /** unanswered: nobody will ever know. */
  state: "asked" | "granted" | "unanswered" = "asked";
  grantedAt: number = Number.POSITIVE_INFINITY;
  /** Whether it is in force for certain. */
  isSure = false;
  /** UNSUBSCRIBE was sent. */
  endingAt: number | undefined;
  /** The last time that it stopped being sure. */
  doubtedAt = -1;
  endedAt: number | undefined;
  readonly #topicFilter: string;

  constructor(change: SubscriptionChange, askedAt: number) {
    const shared = parseSharedFilter(change.topicFilter);
    this.name = change.topicFilter;
    this.isShared = shared !== undefined;
    this.#topicFilter = shared?.topicFilter ?? change.topicFilter;
    this.qos = change.qos;
    this.noLocal = change.noLocal ?? false;
    this.retainAsPublished = change.retainAsPublished ?? false;
    this.identifier = change.subscriptionIdentifier ?? 0;
    this.askedAt = askedAt;
  }

  matches(topicName: string): boolean {
    return matchTopic(this.#topicFilter, topicName);
  }

  /** Whether it makes no difference to what is owed which of the two is in force. */
  isAsGoodAs({ qos, noLocal }: SubscriptionSpan): boolean {
    return this.qos > 0 && qos > 0 && this.noLocal === noLocal;
  }

  mayHaveApplied(publishedAt: number): boolean {
    return this.endedAt === undefined || publishedAt < this.endedAt;
  }
}
