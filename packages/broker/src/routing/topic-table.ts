import {
  decodeUtf8,
  encodeUtf8,
  MAXIMUM_TOPIC_BYTES,
  ProtocolError,
  ReasonCode,
  topicNameProblem,
  validateTopicNameBytes,
} from "@dunlin/protocol";
import { Counters, type LimitCounters } from "../counters.ts";
import type { BrokerLimits } from "../options.ts";
import { RouteCache } from "./route-cache.ts";
import { Topic } from "./topic.ts";

export type TopicLimits = Pick<
  BrokerLimits,
  "maximumCachedTopics" | "maximumTopicLength" | "maximumTopicLevels"
>;

const SLASH = 0x2f;
/** 2 ** 32 divided by the golden ratio. */
const HASH_MULTIPLIER = 0x9e3779b1;
const FIRST_BUCKET_COUNT = 256;
/** Topics in one bucket; names made to collide push out each other instead of slowing down the rest. */
const MAXIMUM_BUCKET_LENGTH = 16;
/** Topics looked at in search for one that has not been used lately. */
const MAXIMUM_EVICTION_STEPS = 64;
/** What a topic holds in memory on average, for a name of 128 bytes: few long names take the place of many short ones. */
const AVERAGE_HELD_BYTES = 512;

/** Topics by the bytes of their names, so that a PUBLISH finds its route without decoding its Topic Name. */
export class TopicTable<S extends object> {
  readonly routes: RouteCache<S>;
  readonly #limits: TopicLimits;
  readonly #counters: LimitCounters;
  readonly #maximumBytes: number;
  #buckets: (Topic<S> | undefined)[] = new Array(FIRST_BUCKET_COUNT).fill(undefined);
  #mask = FIRST_BUCKET_COUNT - 1;
  /** All topics, in a ring that eviction goes round. */
  readonly #topics: Topic<S>[] = [];
  #hand = 0;
  #heldBytes = 0;
  #evictions = 0;
  /** The words of the name that is being looked up. */
  readonly #words = new Int32Array(Math.ceil(MAXIMUM_TOPIC_BYTES / 4));

  constructor(limits: TopicLimits, counters: LimitCounters = new Counters().limits) {
    this.#limits = limits;
    this.#counters = counters;
    this.#maximumBytes = limits.maximumCachedTopics * AVERAGE_HELD_BYTES;
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
    if (end - start > this.#limits.maximumTopicLength) this.#refuseLength(end - start, start - packetStart);
    const hash = gatherWords(bytes, start, end, this.#words);
    const known = this.#find(hash, end - start);
    if (known !== undefined) return known;
    this.#check(bytes, start, end, packetStart);
    return this.#add(hash, bytes, start, end);
  }

  /** The topic of a message that has been accepted before, perhaps under other limits than today's. */
  internAccepted(bytes: Uint8Array, start: number, end: number): Topic<S> {
    const hash = gatherWords(bytes, start, end, this.#words);
    return this.#find(hash, end - start) ?? this.#add(hash, bytes, start, end);
  }

  /** The topic of a name; throws a ProtocolError as `intern` does. */
  internName(name: string): Topic<S> {
    const problem = topicNameProblem(name);
    if (problem !== undefined)
      throw new ProtocolError(ReasonCode.TopicNameInvalid, `the Topic Name ${problem}`);
    const bytes = encodeUtf8(name);
    return this.intern(bytes, 0, bytes.length);
  }

  /** The topic whose name has been gathered in `#words`. */
  #find(hash: number, length: number): Topic<S> | undefined {
    let topic = this.#buckets[hash & this.#mask];
    for (; topic !== undefined; topic = topic.next) {
      if (topic.hash === hash && topic.bytes.length === length && startsWith(this.#words, topic.words)) {
        topic.used = true;
        return topic;
      }
    }
    return undefined;
  }

  #add(hash: number, bytes: Uint8Array, start: number, end: number): Topic<S> {
    this.#makeRoom(end - start);
    const bucket = hash & this.#mask;
    this.#shorten(bucket);
    const name = decodeUtf8(bytes, start, end);
    const words = this.#words.slice(0, Math.ceil((end - start) / 4));
    // Not `bytes.slice`: a Buffer's does not copy.
    const copy = new Uint8Array(bytes.subarray(start, end));
    const topic = new Topic<S>(name, copy, words, hash, this.#buckets[bucket]);
    this.#buckets[bucket] = topic;
    topic.slot = this.#topics.length;
    this.#topics.push(topic);
    this.#heldBytes += topic.heldBytes;
    return topic;
  }

  #refuseLength(length: number, offset: number): never {
    this.#counters.maximumTopicLength++;
    const message = `the Topic Name has ${length} bytes; maximumTopicLength is ${this.#limits.maximumTopicLength}`;
    throw new ProtocolError(ReasonCode.TopicNameInvalid, message, { packet: "PUBLISH", offset });
  }

  #check(bytes: Uint8Array, start: number, end: number, packetStart: number): void {
    validateTopicNameBytes(bytes, start, end, packetStart);
    const { maximumTopicLevels } = this.#limits;
    let levels = 1;
    for (let offset = start; offset < end; offset++) if (bytes[offset] === SLASH) levels++;
    if (levels <= maximumTopicLevels) return;
    this.#counters.maximumTopicLevels++;
    const message = `the Topic Name has ${levels} levels; maximumTopicLevels is ${maximumTopicLevels}`;
    const context = { packet: "PUBLISH", offset: start - packetStart } as const;
    throw new ProtocolError(ReasonCode.TopicNameInvalid, message, context);
  }

  /** A single name may exceed what is allowed, as there must be room for the one in hand. */
  #makeRoom(length: number): void {
    const { maximumCachedTopics } = this.#limits;
    const heldBytes = Topic.heldBytesOf(length);
    while (this.#topics.length >= maximumCachedTopics || this.#heldBytes + heldBytes > this.#maximumBytes) {
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
    this.#heldBytes -= topic.heldBytes;
    this.#evictions++;
    this.#counters.maximumCachedTopics++;
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

/** Gathers bytes into words and hashes them on the way: fewer steps for both than byte by byte. */
function gatherWords(bytes: Uint8Array, start: number, end: number, words: Int32Array): number {
  let hash = end - start;
  let count = 0;
  let offset = start;
  for (const last = end - 3; offset < last; offset += 4) {
    const word =
      bytes[offset]! | (bytes[offset + 1]! << 8) | (bytes[offset + 2]! << 16) | (bytes[offset + 3]! << 24);
    words[count++] = word;
    hash = Math.imul(hash ^ word, HASH_MULTIPLIER);
    hash ^= hash >>> 15;
  }
  if (offset === end) return hash;
  let word = 0;
  for (; offset < end; offset++) word = (word << 8) | bytes[offset]!;
  words[count] = word;
  hash = Math.imul(hash ^ word, HASH_MULTIPLIER);
  return hash ^ (hash >>> 15);
}

function startsWith(words: Int32Array, start: Int32Array): boolean {
  for (let index = 0; index < start.length; index++) {
    if (words[index] !== start[index]) return false;
  }
  return true;
}
