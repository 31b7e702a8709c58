import type { DeliveryState, SessionRecord, SubscriptionRecord, WillRecord } from "@dunlin/broker";
import { RecordReader } from "./record-reader.ts";
import type { RecordWriter } from "./record-writer.ts";

/** What is true of the whole store. */
export interface StoreRecord {
  readonly lastAliveAtMs: number;
  readonly nextSessionNumber: number;
}

export function encodeStore(writer: RecordWriter, key: Uint8Array, record: StoreRecord): Buffer {
  writer.begin();
  writer.float64(record.lastAliveAtMs);
  writer.uint48(record.nextSessionNumber);
  return writer.finish(key);
}

export function decodeStore(record: Buffer): StoreRecord {
  const reader = new RecordReader(record);
  return { lastAliveAtMs: reader.float64(), nextSessionNumber: reader.uint48() };
}

export function encodeSession(writer: RecordWriter, key: Uint8Array, session: SessionRecord): Buffer {
  writer.begin();
  writer.uint8(session.protocolVersion);
  writer.uint32(session.sessionExpiryIntervalSeconds);
  writer.float64(session.expiresAtMs);
  writer.text(session.clientId);
  writer.uint8(session.userName === undefined ? 0 : 1);
  if (session.userName !== undefined) writer.text(session.userName);
  return writer.finish(key);
}

export function decodeSession(sessionNumber: number, record: Buffer): SessionRecord {
  const reader = new RecordReader(record);
  return {
    sessionNumber,
    protocolVersion: reader.uint8() as SessionRecord["protocolVersion"],
    sessionExpiryIntervalSeconds: reader.uint32(),
    expiresAtMs: reader.float64(),
    clientId: reader.text(),
    userName: reader.uint8() === 0 ? undefined : reader.text(),
  };
}

const noLocalFlag = 0x04;
const retainAsPublishedFlag = 0x08;

/** The options byte is that of the SUBSCRIBE packet [MQTT 5.0, 3.8.3.1]. */
export function encodeSubscription(
  writer: RecordWriter,
  key: Uint8Array,
  subscription: SubscriptionRecord,
): Buffer {
  const { qos, noLocal, retainAsPublished, retainHandling } = subscription;
  writer.begin();
  writer.uint8(
    qos |
      (noLocal ? noLocalFlag : 0) |
      (retainAsPublished ? retainAsPublishedFlag : 0) |
      (retainHandling << 4),
  );
  writer.varint(subscription.subscriptionIdentifier);
  writer.text(subscription.topicFilter);
  return writer.finish(key);
}

export function decodeSubscription(record: Buffer): SubscriptionRecord {
  const reader = new RecordReader(record);
  const options = reader.uint8();
  return {
    qos: (options & 0x03) as SubscriptionRecord["qos"],
    noLocal: (options & noLocalFlag) !== 0,
    retainAsPublished: (options & retainAsPublishedFlag) !== 0,
    retainHandling: (options >> 4) as SubscriptionRecord["retainHandling"],
    subscriptionIdentifier: reader.varint(),
    topicFilter: reader.text(),
  };
}

export function encodeDeliveryState(writer: RecordWriter, key: Uint8Array, state: DeliveryState): Buffer {
  writer.begin();
  writer.uint48(state.firstUnacknowledged);
  writer.uint48(state.sentBefore);
  writer.varint(state.acknowledged.length);
  for (const sequence of state.acknowledged) writer.varint(sequence);
  writer.varint(state.released.length);
  for (const sequence of state.released) writer.varint(sequence);
  writer.varint(state.inboundPacketIdentifiers.length);
  for (const packetIdentifier of state.inboundPacketIdentifiers) writer.uint16(packetIdentifier);
  return writer.finish(key);
}

export function decodeDeliveryState(record: Buffer): DeliveryState {
  const reader = new RecordReader(record);
  const many = (read: () => number): number[] => Array.from({ length: reader.varint() }, read);
  return {
    firstUnacknowledged: reader.uint48(),
    sentBefore: reader.uint48(),
    acknowledged: many(() => reader.varint()),
    released: many(() => reader.varint()),
    inboundPacketIdentifiers: many(() => reader.uint16()),
  };
}

export function encodeWill(writer: RecordWriter, key: Uint8Array, will: WillRecord): Buffer {
  writer.begin();
  writer.uint32(will.willDelayIntervalSeconds);
  writer.float64(will.publishAtMs);
  writer.bytes(will.body);
  return writer.finish(key);
}

export function decodeWill(record: Buffer): WillRecord {
  const reader = new RecordReader(record);
  return {
    willDelayIntervalSeconds: reader.uint32(),
    publishAtMs: reader.float64(),
    body: reader.rest(),
  };
}

export function encodeRetained(
  writer: RecordWriter,
  key: Uint8Array,
  topicName: string,
  body: Uint8Array,
): Buffer {
  writer.begin();
  writer.text(topicName);
  writer.bytes(body);
  return writer.finish(key);
}

export function decodeRetained(record: Buffer): { topicName: string; body: Uint8Array } {
  const reader = new RecordReader(record);
  return { topicName: reader.text(), body: reader.rest() };
}
