import {
  decodeUtf8,
  encodeUtf8,
  ProtocolError,
  ReasonCode,
  topicNameProblem,
  validateTopicNameBytes,
} from "@dunlin/protocol";
import type { BrokerLimits } from "../options.ts";
import { RouteCache } from "./route-cache.ts";
import { Topic } from "./topic.ts";

export type TopicLimits = Pick<
  BrokerLimits,
  "maximumCachedTopics" | "maximumTopicLength" | "maximumTopicLevels"
>;

const SLASH = 0x2f;
const FIRST_BUCKET_COUNT = 256;
/** Topics in one bucket; names made to collide push out each other instead of slowing down the rest. */
const MAXIMUM_BUCKET_LENGTH = 16;
/** Topics looked at in search for one that has not been used lately. */
const MAXIMUM_EVICTION_STEPS = 64;
/** Bytes of names, on average, that the table holds: few long names take the place of many short ones. */
const AVERAGE_TOPIC_LENGTH = 256;

/** Topics by the bytes of their names, so that a PUBLISH finds its route without decoding its Topic Name. */
export class TopicTable<S extends object> {
  readonly routes: RouteCache<S>;
  readonly #limits: TopicLimits;
  readonly #maximumBytes: number;
  #buckets: (Topic<S> | undefined)[] = new Array(FIRST_BUCKET_COUNT).fill(undefined);
  #mask = FIRST_BUCKET_COUNT - 1;
  /** All topics, in a ring that eviction goes round. */
  readonly #topics: Topic<S>[] = [];
  #hand = 0;
  #bytes = 0;
  #evictions = 0;

  constructor(limits: TopicLimits) {
    this.#limits = limits;
    this.#maximumBytes = limits.maximumCachedTopics * AVERAGE_TOPIC_LENGTH;
    this.routes = new RouteCache(limits.maximumCachedTopics);
  }

  get size(): number {
    return this.#topics.length;
  }

  /** Topics evicted so far. */
  get evictions(): number {
    return this.#evictions;
  }

  /**
   * The topic that bytes[start, end) name. A name that is not in the table is checked: throws a ProtocolError,
   * 0x81 for bad UTF-8, 0x90 for a wildcard, an empty or too long name. `packetStart` only says where the
   * error stands.
   */
  intern(bytes: Uint8Array, start: number, end: number, packetStart: number = start): Topic<S> {
    const hash = hashBytes(bytes, start, end);
    let topic = this.#buckets[hash & this.#mask];
    for (; topic !== undefined; topic = topic.next) {
      if (topic.hash === hash && hasBytes(topic.bytes, bytes, start, end)) {
        topic.used = true;
        return topic;
      }
    }
    return this.#add(hash, bytes, start, end, packetStart);
  }

  /** The topic of a name; throws a ProtocolError as `intern` does. */
  internName(name: string): Topic<S> {
    const problem = topicNameProblem(name);
    if (problem !== undefined)
      throw new ProtocolError(ReasonCode.TopicNameInvalid, `the Topic Name ${problem}`);
    const bytes = encodeUtf8(name);
    return this.intern(bytes, 0, bytes.length);
  }

  #add(hash: number, bytes: Uint8Array, start: number, end: number, packetStart: number): Topic<S> {
    this.#check(bytes, start, end, packetStart);
    this.#makeRoom(end - start);
    const bucket = hash & this.#mask;
    this.#shorten(bucket);
    const name = decodeUtf8(bytes, start, end);
    const topic = new Topic<S>(name, bytes.slice(start, end), hash, this.#buckets[bucket]);
    this.#buckets[bucket] = topic;
    topic.slot = this.#topics.length;
    this.#topics.push(topic);
    this.#bytes += topic.bytes.length;
    return topic;
  }

  #check(bytes: Uint8Array, start: number, end: number, packetStart: number): void {
    const { maximumTopicLength, maximumTopicLevels } = this.#limits;
    const context = { packet: "PUBLISH", offset: start - packetStart } as const;
    if (end - start > maximumTopicLength) {
      const message = `the Topic Name has ${end - start} bytes; maximumTopicLength is ${maximumTopicLength}`;
      throw new ProtocolError(ReasonCode.TopicNameInvalid, message, context);
    }
    validateTopicNameBytes(bytes, start, end, packetStart);
    let levels = 1;
    for (let offset = start; offset < end; offset++) if (bytes[offset] === SLASH) levels++;
    if (levels > maximumTopicLevels) {
      const message = `the Topic Name has ${levels} levels; maximumTopicLevels is ${maximumTopicLevels}`;
      throw new ProtocolError(ReasonCode.TopicNameInvalid, message, context);
    }
  }

  /** A single name may exceed what is allowed, as there must be room for the one in hand. */
  #makeRoom(length: number): void {
    const { maximumCachedTopics } = this.#limits;
    while (this.#topics.length >= maximumCachedTopics || this.#bytes + length > this.#maximumBytes) {
      if (this.#topics.length === 0) break;
      this.#evict(this.#leastUsed());
    }
    if (this.#topics.length >= this.#buckets.length) this.#grow();
  }

  /** Goes round as a clock's hand does: who has been used since it last came by stays for another round. */
  #leastUsed(): Topic<S> {
    for (let step = 0; ; step++) {
      if (this.#hand >= this.#topics.length) this.#hand = 0;
      const topic = this.#topics[this.#hand]!;
      this.#hand++;
      if (!topic.used || step === MAXIMUM_EVICTION_STEPS) return topic;
      topic.used = false;
    }
  }

  #shorten(bucket: number): void {
    let length = 0;
    for (let topic = this.#buckets[bucket]; topic !== undefined; topic = topic.next) {
      length++;
      if (length < MAXIMUM_BUCKET_LENGTH) continue;
      this.#evict(topic);
      return;
    }
  }

  #evict(topic: Topic<S>): void {
    this.routes.forget(topic);
    this.#unlink(topic);
    const last = this.#topics.pop()!;
    if (last !== topic) {
      this.#topics[topic.slot] = last;
      last.slot = topic.slot;
    }
    topic.slot = -1;
    this.#bytes -= topic.bytes.length;
    this.#evictions++;
  }

  #unlink(topic: Topic<S>): void {
    const bucket = topic.hash & this.#mask;
    let before = this.#buckets[bucket];
    if (before === topic) {
      this.#buckets[bucket] = topic.next;
    } else {
      while (before !== undefined && before.next !== topic) before = before.next;
      if (before !== undefined) before.next = topic.next;
    }
    topic.next = undefined;
  }

  #grow(): void {
    const buckets: (Topic<S> | undefined)[] = new Array(this.#buckets.length * 2).fill(undefined);
    this.#mask = buckets.length - 1;
    for (const topic of this.#topics) {
      const bucket = topic.hash & this.#mask;
      topic.next = buckets[bucket];
      buckets[bucket] = topic;
    }
    this.#buckets = buckets;
  }
}

/** FNV-1a. */
function hashBytes(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5 | 0;
  for (let offset = start; offset < end; offset++) hash = Math.imul(hash ^ bytes[offset]!, 0x01000193);
  return hash;
}

function hasBytes(own: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (own.length !== end - start) return false;
  for (let index = own.length - 1; index >= 0; index--) {
    if (own[index] !== bytes[start + index]) return false;
  }
  return true;
}
