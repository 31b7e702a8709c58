import { createHash } from "node:crypto";

/** The kinds of records of a session, in the order in which they are stored. */
export const recordKind = { session: 1, subscription: 2, deliveryState: 3, will: 4, inboxRun: 5 } as const;

const numberSize = 6;
const kindOffset = numberSize;
const suffixOffset = numberSize + 1;
const topicHashSize = 16;

/** The only record of the unnamed database: what is true of the whole store. */
export const storeKey: Buffer = Buffer.from("store");

export function sessionKey(sessionNumber: number, kind: number): Buffer {
  const key = Buffer.allocUnsafe(suffixOffset);
  key.writeUIntBE(sessionNumber, 0, numberSize);
  key[kindOffset] = kind;
  return key;
}

export function subscriptionKey(sessionNumber: number, topicFilter: string): Buffer {
  return Buffer.concat([sessionKey(sessionNumber, recordKind.subscription), topicKey(topicFilter)]);
}

/** Runs of an inbox stand in the order of their first sequence number. */
export function inboxRunKey(sessionNumber: number, firstSequence: number): Buffer {
  const key = Buffer.allocUnsafe(suffixOffset + numberSize);
  key.writeUIntBE(sessionNumber, 0, numberSize);
  key[kindOffset] = recordKind.inboxRun;
  key.writeUIntBE(firstSequence, suffixOffset, numberSize);
  return key;
}

export function batchKey(batchNumber: number): Buffer {
  const key = Buffer.allocUnsafe(numberSize);
  key.writeUIntBE(batchNumber, 0, numberSize);
  return key;
}

/** Topics have up to 65,535 bytes and LMDB's keys up to 1,978: the key is a hash, the record holds the text. */
export function topicKey(topic: string): Buffer {
  return createHash("sha256").update(topic).digest().subarray(0, topicHashSize);
}

/** When a record was set aside, from which database, and its key there. */
export function quarantineKey(database: string, key: Uint8Array, atMs: number): Buffer {
  const time = Buffer.alloc(numberSize);
  time.writeUIntBE(atMs, 0, numberSize);
  return Buffer.concat([time, Buffer.from(`${database}\0`), key]);
}

/** Session or batch number. */
export function keyNumber(key: Buffer): number {
  return key.length < numberSize ? 0 : key.readUIntBE(0, numberSize);
}

export function keyKind(key: Buffer): number {
  return key[kindOffset] ?? 0;
}

export function keySequence(key: Buffer): number {
  return key.length < suffixOffset + numberSize ? 0 : key.readUIntBE(suffixOffset, numberSize);
}
