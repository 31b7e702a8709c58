import { BrokerError, type Clock, type CommitGroup, type InboxMessage, type Store } from "@dunlin/broker";
import type { Dice } from "./dice.ts";
import type { SimulatedDisk } from "./simulated-disk.ts";

/** A moment in the life of a group at which a process may die. */
export type StorePoint = "before write" | "after write" | "before acknowledgement";

export interface SimulatedStoreOptions {
  readonly disk: SimulatedDisk;
  /** Of the process: without it nothing goes on. */
  readonly clock: Clock;
  readonly dice: Dice;
  /** Longest time of each step. */
  readonly delayMs: number;
  /** May end the process: nothing happens afterwards. */
  readonly onPoint: (point: StorePoint) => void;
}

/** The store of one process; what it writes stays on the disk. */
export class SimulatedStore implements Store {
  readonly durability: Store["durability"];
  readonly #options: SimulatedStoreOptions;
  #state: "alive" | "dead" = "alive";
  #failsUntilMs = 0;

  constructor(options: SimulatedStoreOptions) {
    this.#options = options;
    this.durability = options.disk.durability;
  }

  die(): void {
    this.#state = "dead";
  }

  fail(ms: number): void {
    this.#failsUntilMs = this.#options.clock.monotonic() + ms;
  }

  open: Store["open"] = (visitor) => this.#options.disk.store.open(visitor);

  async commit(group: CommitGroup): Promise<void> {
    const { disk } = this.#options;
    await this.#delay();
    this.#failWhereTold();
    await this.#pass("before write");
    await disk.write(group);
    await this.#pass("after write");
    await this.#delay();
    await this.#pass("before acknowledgement");
    disk.acknowledge();
  }

  async readInbox(...range: Parameters<Store["readInbox"]>): Promise<readonly InboxMessage[]> {
    await this.#delay();
    this.#failWhereTold();
    return this.#options.disk.store.readInbox(...range);
  }

  async close(): Promise<void> {
    if (this.#state === "alive") await this.#options.disk.store.close();
  }

  #failWhereTold(): void {
    if (this.#options.clock.monotonic() < this.#failsUntilMs)
      throw new BrokerError("DUNLIN_STORE", "the store was told to fail");
  }

  #pass(point: StorePoint): Promise<void> | undefined {
    if (this.#state === "alive") this.#options.onPoint(point);
    // In a process that is gone no promise is ever kept.
    return this.#state === "alive" ? undefined : new Promise(() => {});
  }

  #delay(): Promise<void> {
    const { clock, dice, delayMs } = this.#options;
    return new Promise((resolve) => clock.after(dice.below(delayMs + 1), resolve));
  }
}
