import type { CommitGroup } from "@dunlin/broker";
import { batchKey } from "./keys.ts";
import { checksumSize, isRecordSound, sealRecord } from "./record-writer.ts";

/** Bodies of one batch together; a larger one has a batch of its own. What one small read copies at most. */
const maximumBatchBytes = 32 * 1024;
/** Bodies of one batch; inbox runs refer to them in 16 bits. */
const maximumBatchBodies = 4096;
const tableOffset = checksumSize + 4;

/** Message bodies that were stored together: a table of where each ends, then the bodies. */
export class BodyBatch {
  readonly record: Buffer;
  readonly #bodies: number;

  constructor(record: Buffer) {
    this.record = record;
    this.#bodies = record.readUInt32LE(checksumSize);
  }

  body(index: number): Uint8Array | undefined {
    if (index >= this.#bodies) return undefined;
    const first = tableOffset + this.#bodies * 4;
    const start = index === 0 ? 0 : this.record.readUInt32LE(tableOffset + (index - 1) * 4);
    const end = this.record.readUInt32LE(tableOffset + index * 4);
    return this.record.subarray(first + start, first + end);
  }
}

/** Undefined where the record is damaged. */
export function openBatch(batchNumber: number, record: Buffer): BodyBatch | undefined {
  return isRecordSound(batchKey(batchNumber), record) ? new BodyBatch(record) : undefined;
}

export interface PackedBatch {
  readonly batchNumber: number;
  readonly key: Buffer;
  readonly batch: BodyBatch;
}

/** Where the bodies of a group are stored. */
export interface PackedBodies {
  readonly batches: readonly PackedBatch[];
  /** By index of the body in the group: index in `batches`. */
  readonly batchOf: Uint32Array;
  /** By index of the body in the group: index in its batch. */
  readonly indexOf: Uint16Array;
}

/** Packs the bodies of a group that are `wanted` (by index: 1) into batches numbered from `firstBatchNumber` on. */
export function packBodies(group: CommitGroup, wanted: Uint8Array, firstBatchNumber: number): PackedBodies {
  const { bodies, bodyEnds } = group;
  const batches: PackedBatch[] = [];
  const batchOf = new Uint32Array(wanted.length);
  const indexOf = new Uint16Array(wanted.length);
  let members: number[] = [];
  let bytes = 0;
  const close = (): void => {
    if (members.length === 0) return;
    const batchNumber = firstBatchNumber + batches.length;
    const key = batchKey(batchNumber);
    batches.push({ batchNumber, key, batch: packBatch(key, bodies, bodyEnds, members, bytes) });
    members = [];
    bytes = 0;
  };
  for (let body = 0; body < wanted.length; body++) {
    if (wanted[body] === 0) continue;
    const size = (bodyEnds[body] ?? 0) - (bodyEnds[body - 1] ?? 0);
    if (bytes + size > maximumBatchBytes || members.length === maximumBatchBodies) close();
    batchOf[body] = batches.length;
    indexOf[body] = members.length;
    members.push(body);
    bytes += size;
  }
  close();
  return { batches, batchOf, indexOf };
}

function packBatch(
  key: Buffer,
  bodies: Uint8Array,
  bodyEnds: readonly number[],
  members: readonly number[],
  bytes: number,
): BodyBatch {
  const record = Buffer.allocUnsafeSlow(tableOffset + members.length * 4 + bytes);
  const first = tableOffset + members.length * 4;
  record.writeUInt32LE(members.length, checksumSize);
  let end = 0;
  let copyFrom = 0;
  let copyTo = 0;
  // Neighbours are copied together.
  const copy = (): void => {
    record.set(bodies.subarray(copyFrom, copyTo), first + end - (copyTo - copyFrom));
  };
  for (const [index, body] of members.entries()) {
    const from = bodyEnds[body - 1] ?? 0;
    const to = bodyEnds[body] ?? 0;
    if (from !== copyTo) {
      copy();
      copyFrom = from;
    }
    copyTo = to;
    end += to - from;
    record.writeUInt32LE(end, tableOffset + index * 4);
  }
  copy();
  sealRecord(key, record);
  return new BodyBatch(record);
}
