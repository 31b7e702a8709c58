import {
  MESSAGE_EXPIRY_INTERVAL_SIZE,
  messagePropertiesSize,
  type ProtocolVersion,
  type PublishView,
  publishSize,
  type QoS,
  TOPIC_ALIAS_SIZE,
  variableByteIntegerSize,
  writeMessageExpiryInterval,
  writeMessageProperties,
  writePublishHeader,
  writeSubscriptionIdentifier,
  writeTopicAlias,
} from "@dunlin/protocol";
import { type Arena, copyBytes, copyOut, FILLED_ONCE_BYTES } from "../arena.ts";
import type { EncodedPublish } from "../ports/packet-sink.ts";
import type { InterceptedMessage } from "../ports/publish-interceptor.ts";
import type { Topic } from "../routing/topic.ts";
import type { Session } from "../session/session.ts";
import type { MessageBodyView, MessageParts } from "./message-body.ts";

const NEVER = Number.POSITIVE_INFINITY;
const EMPTY = new Uint8Array(0);

class Encoding implements EncodedPublish {
  bytes: Uint8Array = EMPTY;
  start = 0;
  end = 0;
  payloadBytes: Uint8Array | null = null;
  payloadStart = 0;
  payloadEnd = 0;
  packetIdentifierOffset = 0;
  exclusive = false;
  /** The publication that it was made for. */
  stamp = 0;

  get size(): number {
    return this.end - this.start + this.payloadEnd - this.payloadStart;
  }
}

/**
 * One Application Message on its way to its subscribers. An instance is set up anew for each message and encodes
 * it once for each form that subscribers need (version, QoS, RETAIN), however many they are; where the received
 * packet already has that form, it goes on as it is.
 */
export class Publication implements MessageParts {
  topic!: Topic<Session>;
  qos: QoS = 0;
  retain = false;
  /** The publishing session; null: the broker itself. */
  publisher: Session | null = null;
  /** Milliseconds since the epoch. */
  expiresAtMs: number = NEVER;

  payloadBytes: Uint8Array = EMPTY;
  payloadStart = 0;
  payloadEnd = 0;
  /** The properties that every subscriber gets: all but expiry, alias and Subscription Identifiers. */
  propertyBytes: Uint8Array = EMPTY;
  propertiesStart = 0;
  propertiesEnd = 0;

  /** No further subscriber follows: what is encoded now may be changed by whoever sends it. */
  last = true;

  /** Where this message's body stands in the commit group that is being filled. */
  bodyTicket = 0;
  bodyIndex = 0;

  readonly #arena: Arena;
  /** Reads the clock only where a message expires. */
  readonly #now: () => number;
  #stamp = 0;
  /** By form; see `formOf`. */
  readonly #encodings: (Encoding | undefined)[] = new Array<Encoding | undefined>(FORMS).fill(undefined);
  readonly #single = new Encoding();

  constructor(arena: Arena, now: () => number) {
    this.#arena = arena;
    this.#now = now;
  }

  /** From a received PUBLISH, whose bytes stay unchanged until the turn ends. */
  setReceived(view: PublishView, version: ProtocolVersion, topic: Topic<Session>, publisher: Session): void {
    this.#begin(topic, view.qos, view.retain, publisher);
    this.payloadBytes = this.propertyBytes = view.bytes;
    this.payloadStart = view.payloadStart;
    this.payloadEnd = view.end;
    this.propertiesStart = view.propertiesStart;
    this.propertiesEnd = view.propertiesEnd;
    if (view.messageExpiryIntervalSeconds >= 0) {
      this.expiresAtMs = this.#now() + view.messageExpiryIntervalSeconds * 1000;
    }
    // A subscriber's DUP and Topic Alias are its own matter [MQTT-3.3.1-3, MQTT-3.3.2-7].
    if (!view.dup && view.topicAlias === 0) this.#reuse(view, version);
    if (view.topicAliasOffset >= 0 || view.messageExpiryOffset >= 0) this.#cutOwnProperties(view);
  }

  /** From an encoded message, whose bytes stay unchanged. */
  setBody(body: MessageBodyView, topic: Topic<Session>, publisher: Session | null): void {
    this.#begin(topic, body.qos, body.retain, publisher);
    this.expiresAtMs = body.expiresAtMs;
    this.payloadBytes = this.propertyBytes = body.bytes;
    this.payloadStart = body.payloadStart;
    this.payloadEnd = body.payloadEnd;
    this.propertiesStart = body.propertiesStart;
    this.propertiesEnd = body.propertiesEnd;
  }

  /** From the embedding program, an interceptor or a service. */
  setMessage(message: InterceptedMessage, topic: Topic<Session>, publisher: Session | null): void {
    this.#begin(topic, message.qos, message.retain, publisher);
    const { messageExpiryIntervalSeconds, topicAlias, subscriptionIdentifiers, ...properties } =
      message.properties;
    if (messageExpiryIntervalSeconds !== undefined) {
      this.expiresAtMs = this.#now() + messageExpiryIntervalSeconds * 1000;
    }
    const { payload } = message;
    // The program may use its memory again.
    this.payloadBytes = payload.length < FILLED_ONCE_BYTES ? payload : copyOut(payload, 0, payload.length);
    this.payloadStart = 0;
    this.payloadEnd = payload.length;
    const size = messagePropertiesSize(properties);
    this.propertyBytes = size === 0 ? EMPTY : new Uint8Array(size);
    this.propertiesStart = 0;
    this.propertiesEnd = size;
    if (size > 0) writeMessageProperties(this.propertyBytes, 0, properties);
  }

  /** Its bytes are needed beyond this turn of the event loop. */
  hold(): void {
    this.#arena.hold(this.payloadBytes);
    this.#arena.hold(this.propertyBytes);
  }

  get expired(): boolean {
    return this.expiresAtMs !== NEVER && this.expiresAtMs <= this.#now();
  }

  /** The Message Expiry Interval that is left, as a property; empty where the message does not expire. */
  get expiryProperty(): { messageExpiryIntervalSeconds?: number } {
    return this.expiresAtMs === NEVER ? {} : { messageExpiryIntervalSeconds: this.#secondsLeft() };
  }

  /** The PUBLISH for a subscriber; valid until the next message is set, its bytes until the turn ends. */
  encoded(
    version: ProtocolVersion,
    qos: QoS,
    retain: boolean,
    subscriptionIdentifiers: readonly number[] | undefined,
  ): EncodedPublish {
    if (subscriptionIdentifiers !== undefined && version === 5) {
      return this.#encode(this.#single, version, qos, retain, subscriptionIdentifiers, 0, true);
    }
    const encoding = this.#encodingOf(formOf(version, qos, retain));
    if (encoding.stamp !== this.#stamp) this.#encode(encoding, version, qos, retain, undefined, 0, true);
    encoding.exclusive = this.last;
    return encoding;
  }

  /** The PUBLISH for one subscriber with a Topic Alias; without the Topic Name where the alias is known already. */
  encodedWithAlias(
    qos: QoS,
    retain: boolean,
    subscriptionIdentifiers: readonly number[] | undefined,
    alias: number,
    withName: boolean,
  ): EncodedPublish {
    return this.#encode(this.#single, 5, qos, retain, subscriptionIdentifiers, alias, withName);
  }

  #begin(topic: Topic<Session>, qos: QoS, retain: boolean, publisher: Session | null): void {
    this.#stamp++;
    this.topic = topic;
    this.qos = qos;
    this.retain = retain;
    this.publisher = publisher;
    this.expiresAtMs = NEVER;
    this.bodyTicket = 0;
    this.last = true;
  }

  #encodingOf(form: number): Encoding {
    const known = this.#encodings[form];
    if (known !== undefined) return known;
    const encoding = new Encoding();
    this.#encodings[form] = encoding;
    return encoding;
  }

  #reuse(view: PublishView, version: ProtocolVersion): void {
    const encoding = this.#encodingOf(formOf(version, view.qos, view.retain));
    encoding.bytes = view.bytes;
    encoding.start = view.start;
    encoding.end = view.end;
    encoding.payloadBytes = null;
    encoding.payloadStart = encoding.payloadEnd = 0;
    encoding.packetIdentifierOffset = view.packetIdentifierOffset;
    encoding.stamp = this.#stamp;
  }

  /** Copies the property block without Message Expiry Interval and Topic Alias. */
  #cutOwnProperties(view: PublishView): void {
    const { messageExpiryOffset: expiry, topicAliasOffset: alias } = view;
    const cutExpiry = expiry < 0 ? 0 : MESSAGE_EXPIRY_INTERVAL_SIZE;
    const cutAlias = alias < 0 ? 0 : TOPIC_ALIAS_SIZE;
    const length = view.propertiesEnd - view.propertiesStart - cutExpiry - cutAlias;
    const start = this.#arena.reserve(length);
    const target = this.#arena.bytes;
    let from = view.propertiesStart;
    let at = start;
    const expiryFirst = alias < 0 || (expiry >= 0 && expiry < alias);
    for (const [offset, size] of expiryFirst
      ? [[expiry, cutExpiry] as const, [alias, cutAlias] as const]
      : [[alias, cutAlias] as const, [expiry, cutExpiry] as const]) {
      if (offset < 0) continue;
      copyBytes(view.bytes, from, offset, target, at);
      at += offset - from;
      from = offset + size;
    }
    copyBytes(view.bytes, from, view.propertiesEnd, target, at);
    this.propertyBytes = target;
    this.propertiesStart = start;
    this.propertiesEnd = start + length;
  }

  #encode(
    encoding: Encoding,
    version: ProtocolVersion,
    qos: QoS,
    retain: boolean,
    identifiers: readonly number[] | undefined,
    alias: number,
    withName: boolean,
  ): Encoding {
    const topicLength = withName ? this.topic.bytes.length : 0;
    const payloadLength = this.payloadEnd - this.payloadStart;
    const propertiesLength = version === 5 ? this.#propertiesLength(identifiers, alias) : 0;
    const size = publishSize(version, qos, topicLength, propertiesLength, payloadLength);
    // It stays where it is, for everyone, however long that takes.
    const detached = payloadLength >= FILLED_ONCE_BYTES;
    const length = detached ? size - payloadLength : size;
    const start = this.#arena.reserve(length);
    const target = this.#arena.bytes;
    const flags = (qos << 1) | (retain ? 1 : 0);
    const topic = this.topic.bytes;
    let at = writePublishHeader(
      target,
      start,
      version,
      flags,
      topic,
      0,
      topicLength,
      0,
      propertiesLength,
      payloadLength,
    );
    const lengthBytes = version === 5 ? variableByteIntegerSize(propertiesLength) : 0;
    encoding.packetIdentifierOffset = at - lengthBytes - (qos > 0 ? 2 : 0);
    if (version === 5) at = this.#writeProperties(target, at, identifiers, alias);
    if (!detached) copyBytes(this.payloadBytes, this.payloadStart, this.payloadEnd, target, at);
    encoding.bytes = target;
    encoding.start = start;
    encoding.end = start + length;
    encoding.payloadBytes = detached ? this.payloadBytes : null;
    encoding.payloadStart = detached ? this.payloadStart : 0;
    encoding.payloadEnd = detached ? this.payloadEnd : 0;
    encoding.stamp = this.#stamp;
    encoding.exclusive = this.last || encoding === this.#single;
    return encoding;
  }

  /** The received value minus the time that the message has waited here [MQTT-3.3.2-6]. */
  #secondsLeft(): number {
    return Math.max(0, Math.ceil((this.expiresAtMs - this.#now()) / 1000));
  }

  #propertiesLength(identifiers: readonly number[] | undefined, alias: number): number {
    let length = this.propertiesEnd - this.propertiesStart;
    if (this.expiresAtMs !== NEVER) length += MESSAGE_EXPIRY_INTERVAL_SIZE;
    if (alias > 0) length += TOPIC_ALIAS_SIZE;
    if (identifiers !== undefined) {
      for (const identifier of identifiers) length += 1 + variableByteIntegerSize(identifier);
    }
    return length;
  }

  #writeProperties(
    target: Uint8Array,
    offset: number,
    identifiers: readonly number[] | undefined,
    alias: number,
  ): number {
    let at = offset;
    if (this.expiresAtMs !== NEVER) {
      at = writeMessageExpiryInterval(target, at, this.#secondsLeft());
    }
    if (alias > 0) at = writeTopicAlias(target, at, alias);
    copyBytes(this.propertyBytes, this.propertiesStart, this.propertiesEnd, target, at);
    at += this.propertiesEnd - this.propertiesStart;
    if (identifiers !== undefined) {
      for (const identifier of identifiers) at = writeSubscriptionIdentifier(target, at, identifier);
    }
    return at;
  }
}

/** MQTT 3.1 and 3.1.1 encode PUBLISH alike. */
function formOf(version: ProtocolVersion, qos: number, retain: boolean): number {
  return (version === 5 ? 6 : 0) + qos * 2 + (retain ? 1 : 0);
}
const FORMS = 12;
