import { BrokerError, type CommitGroup, type InboxMessage } from "@dunlin/broker";
import { Environment, type EnvironmentOptions } from "./environment.ts";
import type { FolderLock } from "./folder-lock.ts";
import { GroupPlan } from "./group-plan.ts";
import { InboxReader } from "./inbox-reader.ts";
import type { StoreMemory } from "./store-memory.ts";

/** A store between `open` and `close`. */
export class OpenStore {
  readonly #options: EnvironmentOptions;
  readonly #lock: FolderLock;
  readonly #memory: StoreMemory;
  readonly #onDamage: (what: string) => void;
  /** Undefined after a failed write, until it is needed again. */
  #environment: Environment | undefined;
  #commit: Promise<void> | undefined;
  #discarding: Promise<void> = Promise.resolve();
  #lastWriteFailed = false;

  constructor(
    options: EnvironmentOptions,
    lock: FolderLock,
    memory: StoreMemory,
    environment: Environment,
    onDamage: (what: string) => void,
  ) {
    this.#options = options;
    this.#lock = lock;
    this.#memory = memory;
    this.#environment = environment;
    this.#onDamage = onDamage;
  }

  async commit(group: CommitGroup): Promise<void> {
    if (this.#commit !== undefined) {
      throw new BrokerError(
        "DUNLIN_STORE",
        "commit() was called before the last one had settled: wait for it",
      );
    }
    this.#commit = this.#write(group);
    try {
      await this.#commit;
    } finally {
      this.#commit = undefined;
    }
  }

  async readInbox(
    sessionNumber: number,
    fromSequence: number,
    maximumMessages: number,
    maximumBytes: number,
  ): Promise<readonly InboxMessage[]> {
    const environment = this.#environment ?? (await this.#reopen());
    const reader = new InboxReader(this.#memory, environment, this.#onDamage);
    return reader.read(sessionNumber, fromSequence, maximumMessages, maximumBytes);
  }

  async close(): Promise<void> {
    await this.#commit?.catch(() => {});
    await this.#discarding;
    try {
      if (!this.#options.isSynced) await this.#environment?.flush();
      await this.#environment?.close();
    } finally {
      await this.#lock.release();
    }
  }

  async #write(group: CommitGroup): Promise<void> {
    const environment = this.#environment ?? (await this.#reopen());
    const plan = new GroupPlan(group, this.#memory, environment);
    // lmdb-js 3.5.6 notes a write that failed in memory that may be too small for the note, which damages the heap:
    // it is to find out as seldom as can be.
    environment.expectRoom(plan.operations, this.#lastWriteFailed);
    if (this.#lastWriteFailed) await environment.flush();
    try {
      await environment.write(plan.operations);
    } catch (error) {
      // LMDB may refuse all further work on this handle, and its list of free pages is not to be trusted.
      this.#environment = undefined;
      this.#lastWriteFailed = true;
      this.#discarding = environment.close();
      await this.#discarding;
      throw error;
    }
    this.#lastWriteFailed = false;
    plan.apply();
  }

  async #reopen(): Promise<Environment> {
    await this.#discarding;
    this.#environment ??= new Environment(this.#options);
    return this.#environment;
  }
}
