import { statfsSync } from "node:fs";
import { open as openFile } from "node:fs/promises";
import { constants } from "node:os";
import { BrokerError } from "@dunlin/broker";
import { type Database, open, type RootDatabase, type RootDatabaseOptionsWithPath } from "lmdb";

/** Names of the LMDB databases; "main" is the unnamed one. */
export type DatabaseName = "main" | "bodies" | "quarantine" | "retained" | "sessions";

export interface Operation {
  readonly database: DatabaseName;
  readonly key: Buffer;
  /** Null removes. */
  readonly value: Buffer | null;
}

export interface StoredEntry {
  readonly key: Buffer;
  readonly value: Buffer;
}

/** What LMDB reports where memory cannot be mapped. */
const outOfMemory = constants.errno.ENOMEM;
const nearlyFullBytes = 1024 * 1024;

export interface EnvironmentOptions {
  readonly folder: string;
  /** Whether each transaction is fsynced before it counts as written. */
  readonly isSynced: boolean;
  readonly mapSizeBytes: number;
}

/** An open LMDB environment: whole transactions in, records out. */
export class Environment {
  readonly #options: EnvironmentOptions;
  readonly #root: RootDatabase<Buffer, Buffer>;
  readonly #databases: Readonly<Record<DatabaseName, Database<Buffer, Buffer>>>;

  constructor(options: EnvironmentOptions) {
    this.#options = options;
    // Classic LMDB commits: pages, fdatasync, then the meta page through a synchronous descriptor. lmdb-js's own
    // overlappingSync acknowledges before that, and its eventTurnBatching would merge groups.
    const rootOptions: RootDatabaseOptionsWithPath & { permissionsMode: number } = {
      path: options.folder,
      noSubdir: false,
      permissionsMode: 0o600,
      mapSize: options.mapSizeBytes,
      overlappingSync: false,
      noSync: !options.isSynced,
      eventTurnBatching: false,
      encoding: "binary",
      keyEncoding: "binary",
    };
    try {
      this.#root = open<Buffer, Buffer>(rootOptions);
      const named = (name: string): Database<Buffer, Buffer> =>
        this.#root.openDB(name, { encoding: "binary", keyEncoding: "binary" });
      this.#databases = {
        main: this.#root,
        bodies: named("bodies"),
        quarantine: named("quarantine"),
        retained: named("retained"),
        sessions: named("sessions"),
      };
    } catch (error) {
      throw storeError(options.folder, "cannot be opened", error);
    }
  }

  /** One transaction, written on LMDB's thread; rejects with nothing of it written. */
  async write(operations: readonly Operation[]): Promise<void> {
    try {
      await this.#root.batch(() => this.#apply(operations));
    } catch (error) {
      throw storeError(this.#options.folder, "cannot be written", await causeOf(error));
    }
  }

  /** One transaction, at once. */
  writeSync(operations: readonly Operation[]): void {
    try {
      this.#root.transactionSync(() => this.#apply(operations));
    } catch (error) {
      throw storeError(this.#options.folder, "cannot be written", error);
    }
  }

  /** A copy, the caller's own. */
  read(database: DatabaseName, key: Buffer): Buffer | undefined {
    return this.#databases[database].getBinary(key);
  }

  /** Entries with keys in [start, end). The loop must not wait. */
  range(database: DatabaseName, start: Buffer, end: Buffer): Iterable<StoredEntry> {
    return this.#databases[database].getRange({ start, end });
  }

  /** The last entry with a key in [start, end]. */
  last(database: DatabaseName, start: Buffer, end: Buffer): StoredEntry | undefined {
    const range = { start: end, end: start, inclusiveEnd: true, reverse: true, limit: 1 };
    for (const entry of this.#databases[database].getRange(range)) return entry;
    return undefined;
  }

  /** All that was written survives power loss from now on. */
  async flush(): Promise<void> {
    const file = await openFile(`${this.#options.folder}/data.mdb`, "r+");
    try {
      await file.datasync();
    } catch (error) {
      throw storeError(this.#options.folder, "cannot be flushed", error);
    } finally {
      await file.close();
    }
  }

  async close(): Promise<void> {
    await this.#root.close();
  }

  #apply(operations: readonly Operation[]): void {
    for (const { database, key, value } of operations) {
      // The promises of single operations say nothing beyond that of the transaction.
      if (value === null) void this.#databases[database].remove(key);
      else void this.#databases[database].put(key, value);
    }
  }
}

/** lmdb-js rejects with a general error and puts the reason into a promise beside it. */
async function causeOf(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !("commitError" in error)) return error;
  try {
    await error.commitError;
    return error;
  } catch (cause) {
    return cause;
  }
}

function storeError(folder: string, what: string, cause: unknown): BrokerError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  let remedy = "check that its disk is sound and has space, and that this user may write there";
  if (isNearlyFull(folder)) remedy = "its disk is full: free some space";
  if ((cause as { code?: unknown }).code === outOfMemory) {
    remedy = "allow the process more address space, or give the store a smaller mapSizeBytes";
  }
  return new BrokerError("DUNLIN_STORE", `The store ${folder} ${what} (${reason}): ${remedy}`, { cause });
}

function isNearlyFull(folder: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize < nearlyFullBytes;
  } catch {
    return false;
  }
}
