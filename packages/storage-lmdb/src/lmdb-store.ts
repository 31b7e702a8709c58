import {
  BrokerError,
  type CommitGroup,
  type InboxMessage,
  type Logger,
  type RecoverySummary,
  type RecoveryVisitor,
  type Store,
  silentLogger,
} from "@dunlin/broker";
import type { EnvironmentOptions } from "./environment.ts";
import { FolderLock } from "./folder-lock.ts";
import { OpenStore } from "./open-store.ts";
import { recoverStore } from "./recover-store.ts";
import { checkFolder, markFolder } from "./store-folder.ts";
import { StoreMemory } from "./store-memory.ts";

export interface LmdbStoreOptions {
  /** A folder; created if need be, for this user only. */
  readonly path: string;
  /** "disk": a commit survives power loss; "os": only the end of the process, and is faster. Default "disk". */
  readonly durability?: "disk" | "os";
  /** Address space in bytes to reserve for the data file; it may grow beyond. Default 16 GiB. */
  readonly mapSizeBytes?: number;
  /** Memory in bytes for the message batches that were read last. Default 2 MiB. */
  readonly cacheBytes?: number;
  /** Default: silent. */
  readonly logger?: Logger;
}

const defaultMapSizeBytes = 16 * 2 ** 30;
const defaultCacheBytes = 2 * 2 ** 20;
/** Damaged parts that are logged between `open` and `close`. */
const maximumDamageReports = 1000;

type State =
  | { readonly is: "closed" }
  | { readonly is: "opening" }
  | { readonly is: "open"; readonly store: OpenStore }
  | { readonly is: "closing"; readonly done: Promise<void> };

class LmdbStore implements Store {
  readonly durability: "disk" | "os";
  readonly #options: EnvironmentOptions;
  readonly #cacheBytes: number;
  readonly #logger: Logger;
  #state: State = { is: "closed" };

  constructor(options: LmdbStoreOptions) {
    this.durability = options.durability ?? "disk";
    this.#options = {
      folder: options.path,
      isSynced: this.durability === "disk",
      mapSizeBytes: options.mapSizeBytes ?? defaultMapSizeBytes,
    };
    this.#cacheBytes = options.cacheBytes ?? defaultCacheBytes;
    this.#logger = options.logger ?? silentLogger;
  }

  async open(visitor: RecoveryVisitor): Promise<RecoverySummary> {
    const { folder } = this.#options;
    if (this.#state.is !== "closed") {
      throw new BrokerError("DUNLIN_STORE", `The store ${folder} is ${this.#state.is}: open it once`);
    }
    this.#state = { is: "opening" };
    let lock: FolderLock | undefined;
    try {
      const folderState = checkFolder(folder);
      lock = await FolderLock.acquire(folder);
      if (folderState === "new") markFolder(folder);
      const memory = new StoreMemory(this.#cacheBytes);
      const { environment, summary } = await recoverStore(this.#options, folderState, memory, visitor);
      const store = new OpenStore(this.#options, lock, memory, environment, this.#damageReporter());
      this.#state = { is: "open", store };
      return summary;
    } catch (error) {
      await lock?.release();
      this.#state = { is: "closed" };
      throw this.#asStoreError(error);
    }
  }

  async commit(group: CommitGroup): Promise<void> {
    try {
      await this.#openStore().commit(group);
    } catch (error) {
      throw this.#asStoreError(error);
    }
  }

  async readInbox(
    sessionNumber: number,
    fromSequence: number,
    maximumMessages: number,
    maximumBytes: number,
  ): Promise<readonly InboxMessage[]> {
    try {
      return await this.#openStore().readInbox(sessionNumber, fromSequence, maximumMessages, maximumBytes);
    } catch (error) {
      throw this.#asStoreError(error);
    }
  }

  async close(): Promise<void> {
    if (this.#state.is === "open") {
      const done = this.#state.store.close().finally(() => {
        this.#state = { is: "closed" };
      });
      this.#state = { is: "closing", done };
    }
    if (this.#state.is === "closing") await this.#state.done;
  }

  #openStore(): OpenStore {
    if (this.#state.is === "open") return this.#state.store;
    const { folder } = this.#options;
    throw new BrokerError("DUNLIN_STORE", `The store ${folder} is ${this.#state.is}: call open() first`);
  }

  #damageReporter(): (what: string) => void {
    const { folder } = this.#options;
    const reported = new Set<string>();
    return (what) => {
      if (reported.has(what) || reported.size === maximumDamageReports) return;
      reported.add(what);
      this.#logger.error({ folder }, `${what} in the store ${folder} is damaged: its messages are skipped`);
    };
  }

  #asStoreError(error: unknown): BrokerError {
    if (error instanceof BrokerError) return error;
    const reason = error instanceof Error ? error.message : String(error);
    return new BrokerError("DUNLIN_STORE", `The store ${this.#options.folder} failed (${reason})`, {
      cause: error,
    });
  }
}

/** Keeps sessions, messages and retained messages in a folder, on LMDB. */
export function createLmdbStore(options: LmdbStoreOptions): Store {
  return new LmdbStore(options);
}
