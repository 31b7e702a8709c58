import type { InboxReference } from "@dunlin/broker";
import type { StoredEntry } from "./environment.ts";
import { inboxRunKey, keySequence } from "./keys.ts";
import { RecordReader } from "./record-reader.ts";
import { isRecordSound, type RecordWriter } from "./record-writer.ts";

/** Neighbouring messages of one inbox whose bodies are in one batch: one record. */
export interface InboxRun {
  readonly firstSequence: number;
  readonly endSequence: number;
  readonly batchNumber: number;
  /** Of all its bodies together. */
  readonly bytes: number;
}

/** One message of a run. */
export interface RunMember {
  readonly sequence: number;
  readonly bodyIndex: number;
  readonly bodySize: number;
  readonly flags: number;
  readonly subscriptionIdentifiers: readonly number[] | undefined;
}

export interface RunBodies {
  indexOf(body: number): number;
  sizeOf(body: number): number;
}

export interface EncodedRun {
  readonly run: InboxRun;
  readonly key: Buffer;
  readonly record: Buffer;
}

export function encodeInboxRun(
  writer: RecordWriter,
  sessionNumber: number,
  firstSequence: number,
  batchNumber: number,
  references: readonly InboxReference[],
  bodies: RunBodies,
): EncodedRun {
  const key = inboxRunKey(sessionNumber, firstSequence);
  let bytes = 0;
  for (const { body } of references) bytes += bodies.sizeOf(body);
  writer.begin();
  writer.uint48(batchNumber);
  writer.uint32(references.length);
  writer.uint48(bytes);
  for (const { body, flags, subscriptionIdentifiers } of references) {
    writer.uint16(bodies.indexOf(body));
    writer.uint8(flags);
    writer.varint(bodies.sizeOf(body));
    // 0: none was given; n + 1: n of them follow.
    writer.varint(subscriptionIdentifiers === undefined ? 0 : subscriptionIdentifiers.length + 1);
    if (subscriptionIdentifiers === undefined) continue;
    for (const identifier of subscriptionIdentifiers) writer.varint(identifier);
  }
  const run = { firstSequence, endSequence: firstSequence + references.length, batchNumber, bytes };
  return { run, key, record: writer.finish(key) };
}

export function decodeInboxRun(firstSequence: number, record: Buffer): InboxRun {
  const reader = new RecordReader(record);
  const batchNumber = reader.uint48();
  const endSequence = firstSequence + reader.uint32();
  return { firstSequence, endSequence, batchNumber, bytes: reader.uint48() };
}

/** Undefined where the record was damaged while the store was open; the next `open` sets it aside. */
export function soundRun({ key, value }: StoredEntry): InboxRun | undefined {
  return isRecordSound(key, value) ? decodeInboxRun(keySequence(key), value) : undefined;
}

export function decodeRunMembers(run: InboxRun, record: Buffer): RunMember[] {
  const reader = new RecordReader(record);
  reader.uint48();
  reader.uint32();
  reader.uint48();
  const members: RunMember[] = [];
  for (let sequence = run.firstSequence; sequence < run.endSequence; sequence++) {
    const bodyIndex = reader.uint16();
    const flags = reader.uint8();
    const bodySize = reader.varint();
    const identifiers = reader.varint();
    const subscriptionIdentifiers =
      identifiers === 0 ? undefined : Array.from({ length: identifiers - 1 }, () => reader.varint());
    members.push({ sequence, bodyIndex, bodySize, flags, subscriptionIdentifiers });
  }
  return members;
}
