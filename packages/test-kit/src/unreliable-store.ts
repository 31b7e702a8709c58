import { BrokerError, type CommitGroup, type Store } from "@dunlin/broker";

/** A store whose commits can be made to fail, to take their time, or to get lost as in a crash. */
export class UnreliableStore implements Store {
  readonly inner: Store;
  readonly durability: Store["durability"];
  /** Groups that were stored, oldest first. */
  readonly groups: CommitGroup[] = [];
  attempts = 0;
  #mode: "works" | "fails" | "waits" | "lost" = "works";
  #waiting: (() => void)[] = [];

  constructor(inner: Store) {
    this.inner = inner;
    this.durability = inner.durability;
  }

  get heldBytes(): number | undefined {
    return this.inner.heldBytes;
  }

  /** From now on commits are rejected. */
  fail(): void {
    this.#mode = "fails";
  }

  /** From now on commits wait for `work`. */
  wait(): void {
    this.#mode = "waits";
  }

  /** From now on nothing is stored, and nobody hears of it: the process is gone. */
  lose(): void {
    this.#mode = "lost";
    this.#waiting = [];
  }

  /** Commits are stored, those that wait first. */
  work(): void {
    this.#mode = "works";
    for (const go of this.#waiting.splice(0)) go();
  }

  open: Store["open"] = (visitor) => this.inner.open(visitor);
  readInbox: Store["readInbox"] = (...range) => this.inner.readInbox(...range);

  async commit(group: CommitGroup): Promise<void> {
    this.attempts++;
    if (this.#mode === "fails") throw new BrokerError("DUNLIN_STORE", "the store was told to fail");
    if (this.#mode === "waits") await new Promise<void>((resolve) => this.#waiting.push(resolve));
    if (this.#mode === "lost") return new Promise(() => {});
    await this.inner.commit(group);
    this.groups.push(group);
  }

  async close(): Promise<void> {
    if (this.#mode !== "lost") await this.inner.close();
  }
}
