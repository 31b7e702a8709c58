import type { Counters } from "../counters.ts";
import type { BrokerLimits } from "../options.ts";
import { type TopicSearch, TopicTree } from "../routing/topic-tree.ts";
import type { GroupCommit } from "./group-commit.ts";
import { encodeMessageBody, MessageBodyView, messageBodySize } from "./message-body.ts";
import type { Publication } from "./publication.ts";

/** The last message of a topic that was published with RETAIN. */
export interface RetainedMessage {
  readonly topicName: string;
  readonly body: Uint8Array;
  /** Milliseconds since the epoch; Infinity where it does not expire. */
  readonly expiresAtMs: number;
}

/** All retained messages, by Topic Name [MQTT-3.3.1-5]; in memory, and in the store but for what the broker says of itself. */
export class RetainedMessages {
  readonly #tree = new TopicTree<RetainedMessage>();
  readonly #expiring = new Set<RetainedMessage>();
  readonly #limits: BrokerLimits;
  readonly #counters: Counters;
  readonly #commits: GroupCommit;
  #bytes = 0;

  constructor(limits: BrokerLimits, counters: Counters, commits: GroupCommit) {
    this.#limits = limits;
    this.#counters = counters;
    this.#commits = commits;
  }

  get size(): number {
    return this.#tree.size;
  }

  /** Of Topic Names and messages. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether a message may be put; counts the limit that forbids it. */
  admits(publication: Publication): boolean {
    if (publication.payloadEnd === publication.payloadStart || isOwn(publication)) return true;
    const known = this.#tree.get(publication.topic.name);
    if (known === undefined && this.size >= this.#limits.maximumRetainedMessages) {
      this.#counters.limits.maximumRetainedMessages++;
      return false;
    }
    const size = publication.topic.name.length + messageBodySize(publication);
    const replaced = known === undefined ? 0 : sizeOf(known);
    if (this.#bytes + size - replaced > this.#limits.maximumRetainedBytes) {
      this.#counters.limits.maximumRetainedBytes++;
      return false;
    }
    return true;
  }

  /** Replaces the topic's message; an empty payload removes it and is not itself retained [MQTT-3.3.1-6, MQTT-3.3.1-7]. */
  put(publication: Publication): void {
    const { name: topicName } = publication.topic;
    const isStored = !isOwn(publication);
    if (publication.payloadEnd === publication.payloadStart) {
      if (this.#remove(topicName) && isStored) this.#commits.putRetained(topicName, null);
      return;
    }
    const body = encodeMessageBody(publication);
    this.#set({ topicName, body, expiresAtMs: publication.expiresAtMs });
    if (isStored) this.#commits.putRetained(topicName, body);
  }

  /** As the store tells it. */
  load(topicName: string, body: Uint8Array): void {
    this.#set({ topicName, body, expiresAtMs: new MessageBodyView().read(body).expiresAtMs });
  }

  /** For the messages whose Topic Names match, in parts: there may be a million. */
  search(topicFilter: string): TopicSearch<RetainedMessage> {
    return this.#tree.search(topicFilter);
  }

  get(topicName: string): RetainedMessage | undefined {
    return this.#tree.get(topicName);
  }

  /** Removes what has expired. */
  expire(nowMs: number): void {
    for (const message of this.#expiring) {
      if (message.expiresAtMs > nowMs) continue;
      this.#remove(message.topicName);
      this.#commits.putRetained(message.topicName, null);
    }
  }

  #set(message: RetainedMessage): void {
    this.#forget(this.#tree.set(message.topicName, message));
    this.#bytes += sizeOf(message);
    if (message.expiresAtMs !== Number.POSITIVE_INFINITY) this.#expiring.add(message);
  }

  #remove(topicName: string): boolean {
    return this.#forget(this.#tree.delete(topicName));
  }

  #forget(message: RetainedMessage | undefined): boolean {
    if (message === undefined) return false;
    this.#bytes -= sizeOf(message);
    this.#expiring.delete(message);
    return true;
  }
}

/** What the broker itself says of its state, under "$": it will say it anew after a restart. */
function isOwn({ topic, publisher }: Publication): boolean {
  return topic.isSystem && publisher === null;
}

function sizeOf(message: RetainedMessage): number {
  return message.topicName.length + message.body.length;
}
