import type { CommitGroup, InboxAppend } from "@dunlin/broker";
import { type PackedBodies, packBodies } from "./body-batch.ts";
import type { Environment, Operation } from "./environment.ts";
import { encodeInboxRun, type InboxRun, type RunBodies, soundRun } from "./inbox-run.ts";
import {
  batchKey,
  inboxRunKey,
  keyKind,
  quarantineKey,
  recordKind,
  sessionKey,
  storeKey,
  subscriptionKey,
  topicKey,
} from "./keys.ts";
import { RecordWriter } from "./record-writer.ts";
import {
  encodeDeliveryState,
  encodeRetained,
  encodeSession,
  encodeStore,
  encodeSubscription,
  encodeWill,
} from "./records.ts";
import { type InboxIndex, maximumHeadRuns, type StoreMemory } from "./store-memory.ts";

/** Records of deleted sessions that are erased with one group: what a large inbox may add to its transaction. */
const maximumErasedRecords = 1000;

/** The transaction that stores one group, and what memory holds once it is written. */
export class GroupPlan {
  readonly operations: Operation[] = [];
  readonly #group: CommitGroup;
  readonly #memory: StoreMemory;
  readonly #environment: Environment;
  readonly #writer = new RecordWriter();
  readonly #bodies: PackedBodies;
  readonly #referenceChanges = new Map<number, number>();
  readonly #inboxChanges = new Map<number, InboxIndex | undefined>();
  readonly #erased: number[] = [];
  readonly #erasing: Set<number>;
  #nextSessionNumber: number;

  constructor(group: CommitGroup, memory: StoreMemory, environment: Environment) {
    this.#group = group;
    this.#memory = memory;
    this.#environment = environment;
    this.#nextSessionNumber = memory.nextSessionNumber;
    this.#erasing = new Set(memory.erasing);
    this.#bodies = packBodies(group, this.#wantedBodies(), memory.nextBatchNumber);
    this.#planSessions();
    this.#planSubscriptions();
    this.#planInboxes();
    this.#planWills();
    this.#planRetained();
    this.#planErasing();
    this.#planBatches();
    const record = { lastAliveAtMs: group.atMs, nextSessionNumber: this.#nextSessionNumber };
    this.#put("main", storeKey, encodeStore(this.#writer, storeKey, record));
  }

  /** To be called once the operations are written. */
  apply(): void {
    const memory = this.#memory;
    memory.nextSessionNumber = this.#nextSessionNumber;
    memory.nextBatchNumber += this.#bodies.batches.length;
    for (const [sessionNumber, inbox] of this.#inboxChanges) {
      if (inbox === undefined) memory.inboxes.delete(sessionNumber);
      else memory.inboxes.set(sessionNumber, inbox);
    }
    for (const [batchNumber, change] of this.#referenceChanges) {
      memory.references.add(batchNumber, change);
      if (memory.references.count(batchNumber) === 0) memory.cache.delete(batchNumber);
    }
    for (const sessionNumber of this.#erasing) memory.erasing.add(sessionNumber);
    for (const sessionNumber of this.#erased) memory.erasing.delete(sessionNumber);
  }

  #put(database: Operation["database"], key: Buffer, value: Buffer | null): void {
    this.operations.push({ database, key, value });
  }

  #isDeleted(sessionNumber: number): boolean {
    return this.#group.sessions.get(sessionNumber) === null;
  }

  /** Messages below it need not be stored, even if this same group adds them. */
  #firstUnacknowledged(sessionNumber: number): number {
    const state = this.#group.deliveryStates.get(sessionNumber);
    return (state ?? this.#memory.inboxes.get(sessionNumber))?.firstUnacknowledged ?? 0;
  }

  #wantedBodies(): Uint8Array {
    const wanted = new Uint8Array(this.#group.bodyEnds.length);
    for (const [sessionNumber, { firstSequence, references }] of this.#group.inboxes) {
      if (this.#isDeleted(sessionNumber)) continue;
      const skipped = Math.max(0, this.#firstUnacknowledged(sessionNumber) - firstSequence);
      for (let index = skipped; index < references.length; index++) wanted[references[index]!.body] = 1;
    }
    return wanted;
  }

  #planSessions(): void {
    for (const [sessionNumber, session] of this.#group.sessions) {
      this.#nextSessionNumber = Math.max(this.#nextSessionNumber, sessionNumber + 1);
      const key = sessionKey(sessionNumber, recordKind.session);
      if (session !== null) {
        this.#put("sessions", key, encodeSession(this.#writer, key, session));
      } else {
        // Without this record the others are nobody's: they may be erased later.
        this.#put("sessions", key, null);
        this.#inboxChanges.set(sessionNumber, undefined);
        this.#erasing.add(sessionNumber);
      }
    }
  }

  #planSubscriptions(): void {
    for (const [sessionNumber, changes] of this.#group.subscriptions) {
      if (this.#isDeleted(sessionNumber)) continue;
      for (const [topicFilter, subscription] of changes) {
        const key = subscriptionKey(sessionNumber, topicFilter);
        const record = subscription && encodeSubscription(this.#writer, key, subscription);
        this.#put("sessions", key, record);
      }
    }
  }

  #planInboxes(): void {
    const { inboxes, deliveryStates } = this.#group;
    for (const [sessionNumber, state] of deliveryStates) {
      if (this.#isDeleted(sessionNumber)) continue;
      const key = sessionKey(sessionNumber, recordKind.deliveryState);
      this.#put("sessions", key, encodeDeliveryState(this.#writer, key, state));
      if (!inboxes.has(sessionNumber)) this.#planInbox(sessionNumber, undefined);
    }
    for (const [sessionNumber, added] of inboxes) {
      if (!this.#isDeleted(sessionNumber)) this.#planInbox(sessionNumber, added);
    }
  }

  #planInbox(sessionNumber: number, added: InboxAppend | undefined): void {
    const before = this.#memory.inboxes.get(sessionNumber);
    if (before === undefined && added === undefined) return;
    const firstUnacknowledged = this.#firstUnacknowledged(sessionNumber);
    const acknowledged =
      this.#group.deliveryStates.get(sessionNumber)?.acknowledged ?? before?.acknowledged ?? [];
    const head: InboxRun[] = [];
    let tail = before === undefined ? "none" : this.#trim(sessionNumber, before, firstUnacknowledged, head);
    for (const run of this.#append(sessionNumber, added, firstUnacknowledged)) {
      if (tail === "none" && head.length < maximumHeadRuns) head.push(run);
      else tail = "stored";
    }
    const isEmpty = head.length === 0;
    const inbox = isEmpty ? undefined : { firstUnacknowledged, acknowledged, head, tail };
    this.#inboxChanges.set(sessionNumber, inbox);
  }

  /** Removes the runs that are wholly acknowledged and puts those that follow into `head`. */
  #trim(
    sessionNumber: number,
    before: InboxIndex,
    firstUnacknowledged: number,
    head: InboxRun[],
  ): InboxIndex["tail"] {
    const sort = (run: InboxRun): void => {
      if (run.endSequence > firstUnacknowledged) head.push(run);
      else this.#remove(inboxRunKey(sessionNumber, run.firstSequence), run);
    };
    for (const run of before.head) sort(run);
    if (before.tail === "none" || head.length > 0) return before.tail;
    const after = before.head.at(-1)?.endSequence ?? 0;
    const start = inboxRunKey(sessionNumber, after);
    const end = sessionKey(sessionNumber, recordKind.inboxRun + 1);
    for (const entry of this.#environment.range("sessions", start, end)) {
      if (head.length === maximumHeadRuns) return "stored";
      const run = soundRun(entry);
      if (run !== undefined) sort(run);
    }
    return "none";
  }

  #append(sessionNumber: number, added: InboxAppend | undefined, firstUnacknowledged: number): InboxRun[] {
    const runs: InboxRun[] = [];
    if (added === undefined) return runs;
    const { firstSequence, references } = added;
    const { batches, batchOf } = this.#bodies;
    let start = Math.max(0, firstUnacknowledged - firstSequence);
    while (start < references.length) {
      const batchIndex = batchOf[references[start]!.body]!;
      let end = start + 1;
      while (end < references.length && batchOf[references[end]!.body] === batchIndex) end++;
      const { run, key, record } = encodeInboxRun(
        this.#writer,
        sessionNumber,
        firstSequence + start,
        batches[batchIndex]!.batchNumber,
        references.slice(start, end),
        this.#runBodies,
      );
      this.#put("sessions", key, record);
      this.#changeReferences(run.batchNumber, 1);
      runs.push(run);
      start = end;
    }
    return runs;
  }

  readonly #runBodies: RunBodies = {
    indexOf: (body) => this.#bodies.indexOf[body]!,
    sizeOf: (body) => this.#group.bodyEnds[body]! - (this.#group.bodyEnds[body - 1] ?? 0),
  };

  #planWills(): void {
    for (const [sessionNumber, will] of this.#group.wills) {
      if (this.#isDeleted(sessionNumber)) continue;
      const key = sessionKey(sessionNumber, recordKind.will);
      this.#put("sessions", key, will && encodeWill(this.#writer, key, will));
    }
  }

  #planRetained(): void {
    for (const [topicName, body] of this.#group.retained) {
      const key = topicKey(topicName);
      this.#put("retained", key, body && encodeRetained(this.#writer, key, topicName, body));
    }
  }

  #planErasing(): void {
    let room = maximumErasedRecords;
    for (const sessionNumber of this.#erasing) {
      const start = sessionKey(sessionNumber, 0);
      const end = sessionKey(sessionNumber + 1, 0);
      for (const entry of this.#environment.range("sessions", start, end)) {
        if (room-- === 0) return;
        const run = keyKind(entry.key) === recordKind.inboxRun ? soundRun(entry) : undefined;
        this.#remove(entry.key, run);
      }
      this.#erased.push(sessionNumber);
    }
  }

  #planBatches(): void {
    for (const { key, batch } of this.#bodies.batches) this.#put("bodies", key, batch.record);
    for (const [batchNumber, change] of this.#referenceChanges) {
      if (this.#memory.references.count(batchNumber) + change > 0) continue;
      const key = batchKey(batchNumber);
      this.#put("bodies", key, null);
      // What nobody could read is not thrown away.
      const damaged = this.#memory.damagedBatches.has(batchNumber) && this.#environment.read("bodies", key);
      if (damaged) this.#put("quarantine", quarantineKey("bodies", key, this.#group.atMs), damaged);
    }
  }

  #remove(key: Buffer, run: InboxRun | undefined): void {
    this.#put("sessions", key, null);
    if (run !== undefined) this.#changeReferences(run.batchNumber, -1);
  }

  #changeReferences(batchNumber: number, change: number): void {
    this.#referenceChanges.set(batchNumber, (this.#referenceChanges.get(batchNumber) ?? 0) + change);
  }
}
