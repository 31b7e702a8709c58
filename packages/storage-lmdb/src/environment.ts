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
/** With so much free on the disk nothing is reckoned. */
const plentyBytes = 64 * 1024 * 1024;
/** Pages of inner nodes and of the list of free pages that a transaction may write beside its records. */
const sparePages = 16;

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

  /**
   * Throws where the disk may have no room for them, before LMDB finds out. Small records mostly fit pages of the file
   * that are free: these are reckoned where `isCautious`.
   */
  expectRoom(operations: readonly Operation[], isCautious: boolean): void {
    const { folder } = this.#options;
    const freeBytes = freeBytesOf(folder);
    if (freeBytes === undefined || freeBytes >= plentyBytes) return;
    const { pageSize, freePages } = this.#pages();
    let pages = isCautious ? Math.max(0, sparePages + operations.length - freePages) : 0;
    for (const { value } of operations) {
      // A large value takes pages in a row, which may not be among the free ones.
      if (value !== null && value.length > pageSize / 2) pages += 1 + Math.ceil(value.length / pageSize);
    }
    if (pages * pageSize <= freeBytes) return;
    const cause = new Error(`it may need ${pages * pageSize} bytes more, ${freeBytes} are free`);
    throw storeError(folder, "cannot be written", cause, diskIsFull);
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

  /** Pages of the data file, and how many of them hold nothing. */
  #pages(): { pageSize: number; freePages: number } {
    const { pageSize, lastPageNumber, root, free } = this.#root.getStats() as RootStats;
    const { main: _, ...named } = this.#databases;
    const trees = [root, free, ...Object.values(named).map((database) => database.getStats() as TreeStats)];
    const usedPages = trees.reduce((pages, tree) => pages + pagesOf(tree), 0);
    return { pageSize, freePages: lastPageNumber + 1 - usedPages };
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

const diskIsFull = "its disk is full: free some space";

function storeError(
  folder: string,
  what: string,
  cause: unknown,
  remedy = remedyOf(folder, cause),
): BrokerError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new BrokerError("DUNLIN_STORE", `The store ${folder} ${what} (${reason}): ${remedy}`, { cause });
}

function remedyOf(folder: string, cause: unknown): string {
  if ((cause as { code?: unknown }).code === outOfMemory) {
    return "allow the process more address space, or give the store a smaller mapSizeBytes";
  }
  if ((freeBytesOf(folder) ?? plentyBytes) < nearlyFullBytes) return diskIsFull;
  return "check that its disk is sound and has space, and that this user may write there";
}

/** Undefined where the system does not tell. */
function freeBytesOf(folder: string): number | undefined {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  } catch {
    return undefined;
  }
}

/** The part of what lmdb-js tells of an environment that we use; its types leave it out. */
interface TreeStats {
  readonly treeBranchPageCount: number;
  readonly treeLeafPageCount: number;
  readonly overflowPages: number;
}

interface RootStats {
  readonly pageSize: number;
  readonly lastPageNumber: number;
  readonly root: TreeStats;
  readonly free: TreeStats;
}

function pagesOf({ treeBranchPageCount, treeLeafPageCount, overflowPages }: TreeStats): number {
  return treeBranchPageCount + treeLeafPageCount + overflowPages;
}
