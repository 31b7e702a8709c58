import type { InboxMessage } from "@dunlin/broker";
import { type BodyBatch, openBatch } from "./body-batch.ts";
import type { Environment, StoredEntry } from "./environment.ts";
import { decodeRunMembers, soundRun } from "./inbox-run.ts";
import { batchKey, inboxRunKey, recordKind, sessionKey } from "./keys.ts";
import type { InboxIndex, StoreMemory } from "./store-memory.ts";

/** Reads messages of inboxes from the cache of batches, else from LMDB. */
export class InboxReader {
  readonly #memory: StoreMemory;
  readonly #environment: Environment;
  readonly #onDamage: (what: string) => void;

  constructor(memory: StoreMemory, environment: Environment, onDamage: (what: string) => void) {
    this.#memory = memory;
    this.#environment = environment;
    this.#onDamage = onDamage;
  }

  read(
    sessionNumber: number,
    fromSequence: number,
    maximumMessages: number,
    maximumBytes: number,
  ): InboxMessage[] {
    const messages: InboxMessage[] = [];
    const inbox = this.#memory.inboxes.get(sessionNumber);
    if (inbox === undefined) return messages;
    const first = Math.max(fromSequence, inbox.firstUnacknowledged);
    const acknowledged = new Set(inbox.acknowledged);
    let bytes = 0;
    for (const entry of this.#runsFrom(sessionNumber, inbox, first)) {
      const run = soundRun(entry);
      if (run === undefined) {
        this.#onDamage(`a part of the inbox of session ${sessionNumber}`);
        continue;
      }
      let batch: BodyBatch | undefined;
      for (const { sequence, bodyIndex, flags, subscriptionIdentifiers } of decodeRunMembers(
        run,
        entry.value,
      )) {
        if (sequence < first || acknowledged.has(sequence)) continue;
        const isEnough = messages.length >= maximumMessages || (messages.length > 0 && bytes >= maximumBytes);
        if (isEnough) return messages;
        batch ??= this.#batch(run.batchNumber);
        const body = batch?.body(bodyIndex);
        if (body === undefined) break;
        messages.push({ sequence, flags, subscriptionIdentifiers, body });
        bytes += body.length;
      }
    }
    return messages;
  }

  /** The run that holds `sequence`, or the next one, and all that follow. */
  #runsFrom(sessionNumber: number, inbox: InboxIndex, sequence: number): Iterable<StoredEntry> {
    const known = inbox.head.find((run) => run.endSequence > sequence);
    if (known === undefined && inbox.tail === "none") return [];
    const end = sessionKey(sessionNumber, recordKind.inboxRun + 1);
    const lowest = inboxRunKey(sessionNumber, 0);
    const start =
      known === undefined
        ? this.#environment.last("sessions", lowest, inboxRunKey(sessionNumber, sequence))?.key
        : inboxRunKey(sessionNumber, known.firstSequence);
    return this.#environment.range("sessions", start ?? lowest, end);
  }

  #batch(batchNumber: number): BodyBatch | undefined {
    const cached = this.#memory.cache.get(batchNumber);
    if (cached !== undefined) return cached;
    const record = this.#environment.read("bodies", batchKey(batchNumber));
    const batch = record && openBatch(batchNumber, record);
    if (batch !== undefined) {
      this.#memory.cache.put(batchNumber, batch);
    } else {
      this.#memory.damagedBatches.add(batchNumber);
      this.#onDamage(`message batch ${batchNumber}`);
    }
    return batch;
  }
}
