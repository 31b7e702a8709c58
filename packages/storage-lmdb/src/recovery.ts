import type { RecoveryVisitor } from "@dunlin/broker";
import type { DataFileRecord } from "./data-file.ts";
import type { DatabaseName } from "./environment.ts";
import { batchKey, keyKind, keyNumber, keySequence, recordKind } from "./keys.ts";
import { isRecordSound } from "./record-writer.ts";
import { decodeRetained, decodeStore } from "./records.ts";
import { SessionRecovery } from "./session-recovery.ts";
import type { StoreMemory } from "./store-memory.ts";

/** Lines about damage that one `open` reports; the rest is counted. */
const maximumDamageLines = 100;

export interface RecordName {
  readonly database: DatabaseName;
  readonly key: Buffer;
}

const kindNames = new Map<number, string>([
  [recordKind.session, "the record"],
  [recordKind.subscription, "a subscription"],
  [recordKind.deliveryState, "the delivery state"],
  [recordKind.will, "the will message"],
  [recordKind.inboxRun, "a part of the inbox"],
]);

const kindRemedies = new Map<number, string>([
  [recordKind.session, "its client begins a new session"],
  [recordKind.subscription, "its client has to subscribe again"],
]);

/** Rebuilds what memory holds from the records of the data file, in the order of databases and keys. */
export class Recovery {
  lastAliveAtMs = 0;
  /** Records that are damaged, to be moved out of the way. */
  readonly damaged: RecordName[] = [];
  /** Records that belong to nothing: what is left of deleted sessions, or of damaged ones. */
  readonly leftover: RecordName[] = [];
  readonly #visitor: RecoveryVisitor;
  readonly #memory: StoreMemory;
  readonly #dataFile: string;
  readonly #lines: string[] = [];
  #session: SessionRecovery | undefined;

  constructor(visitor: RecoveryVisitor, memory: StoreMemory, dataFile: string) {
    this.#dataFile = dataFile;
    this.#visitor = visitor;
    this.#memory = memory;
  }

  /** One line per damaged record. */
  get lines(): readonly string[] {
    const more = this.#lines.length - maximumDamageLines;
    if (more <= 0) return this.#lines;
    return [
      ...this.#lines.slice(0, maximumDamageLines),
      `${this.#dataFile}: ${more} more records are damaged and were set aside`,
    ];
  }

  visit(record: DataFileRecord): void {
    if (record.database === "main") this.#visitStore(record);
    else if (record.database === "bodies") this.#visitBatch(record);
    else if (record.database === "retained") this.#visitRetained(record);
    else if (record.database === "sessions") this.#visitSessionRecord(record);
  }

  finish(): void {
    this.#finishSession();
    const { references } = this.#memory;
    for (const batchNumber of [...references.batchNumbers()]) {
      // Takes back what #visitBatch counted for the batch itself.
      references.add(batchNumber, -1);
      if (references.count(batchNumber) === 0) this.#leaveBatch(batchNumber);
    }
  }

  #leaveBatch(batchNumber: number): void {
    this.leftover.push({ database: "bodies", key: batchKey(batchNumber) });
  }

  #visitStore({ key, value }: DataFileRecord): void {
    const record = value();
    if (!isRecordSound(key, record)) {
      this.#setAside({ database: "main", key }, "the record of the whole store", "time counts from now on");
      return;
    }
    const { lastAliveAtMs, nextSessionNumber } = decodeStore(record);
    this.lastAliveAtMs = lastAliveAtMs;
    this.#useSessionNumber(nextSessionNumber - 1);
  }

  /** The bodies are not read: a damaged batch is noticed when it is. */
  #visitBatch({ key }: DataFileRecord): void {
    const batchNumber = keyNumber(key);
    this.#memory.references.add(batchNumber, 1);
    this.#memory.nextBatchNumber = Math.max(this.#memory.nextBatchNumber, batchNumber + 1);
  }

  #visitRetained({ key, value }: DataFileRecord): void {
    const record = value();
    if (isRecordSound(key, record)) {
      const { topicName, body } = decodeRetained(record);
      this.#visitor.retained(topicName, body);
    } else {
      this.#setAside({ database: "retained", key }, "a retained message", "publish it again");
    }
  }

  #visitSessionRecord({ key, value }: DataFileRecord): void {
    const sessionNumber = keyNumber(key);
    const kind = keyKind(key);
    const record = value();
    if (this.#session?.sessionNumber !== sessionNumber) {
      this.#finishSession();
      this.#useSessionNumber(sessionNumber);
      this.#session = new SessionRecovery(sessionNumber, this.#memory.references);
    }
    const session = this.#session;
    const name = `${kindNames.get(kind) ?? "a record"} of session ${sessionNumber}`;
    if (!isRecordSound(key, record)) {
      const remedy = kindRemedies.get(kind) ?? "restore the folder from a copy if it is missed";
      this.#setAside({ database: "sessions", key }, name, remedy);
    } else if (kind !== recordKind.session && !session.isKnown) {
      this.leftover.push({ database: "sessions", key: Buffer.from(key) });
    } else {
      const outcome = session.add(kind, keySequence(key), record);
      if (outcome === "leftover") this.leftover.push({ database: "sessions", key: Buffer.from(key) });
      if (outcome === "bodies missing") {
        const remedy = "restore the folder from a copy if they are missed";
        this.#setAside({ database: "sessions", key }, name, remedy, "has lost its message bodies");
      }
    }
  }

  #finishSession(): void {
    const session = this.#session;
    this.#session = undefined;
    if (session === undefined || !session.isKnown) return;
    const inbox = session.inbox();
    if (inbox !== undefined) this.#memory.inboxes.set(session.sessionNumber, inbox);
    this.#visitor.session(session.recovered());
  }

  #useSessionNumber(sessionNumber: number): void {
    this.#memory.nextSessionNumber = Math.max(this.#memory.nextSessionNumber, sessionNumber + 1);
  }

  #setAside({ database, key }: RecordName, what: string, remedy: string, state = "is damaged"): void {
    this.damaged.push({ database, key: Buffer.from(key) });
    // A retained message is known by a hash only: its topic, if damaged, would name the wrong one.
    const where = `${database}/${key.toString("hex")}`;
    this.#lines.push(`${this.#dataFile}: ${what} (${where}) ${state} and was set aside: ${remedy}`);
  }
}
