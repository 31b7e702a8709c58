import { type CommitGroup, createMemoryStore, type Durability, type Store } from "@dunlin/broker";
import type { Dice } from "./dice.ts";

/** What may be lost of the last groups where the disk was not told to keep them. */
const UNSYNCED_GROUPS = 6;

/** What outlives a process: every group that was written, in order. */
export class SimulatedDisk {
  readonly durability: Durability;
  store: Store = createMemoryStore();
  #groups: CommitGroup[] = [];
  /** Groups whose process was told that they are stored. */
  #acknowledged = 0;

  constructor(durability: Durability) {
    this.durability = durability;
  }

  async write(group: CommitGroup): Promise<void> {
    this.#groups.push(copyOfGroup(group));
    await this.store.commit(group);
  }

  acknowledge(): void {
    this.#acknowledged = this.#groups.length;
  }

  /** The process is gone, or with it the power. Says what the level of durability promises to have kept. */
  async crash(what: "kill" | "power", dice: Dice): Promise<"all" | "some" | "none"> {
    const { length } = this.#groups;
    if (this.durability === "memory") await this.#goBackTo(0);
    else if (what === "kill") return "all";
    else if (this.durability === "os")
      await this.#goBackTo(Math.max(0, length - dice.below(UNSYNCED_GROUPS)));
    else if (this.#acknowledged < length && dice.chance(1, 2)) await this.#goBackTo(this.#acknowledged);
    return this.durability === "disk" ? "all" : this.durability === "os" ? "some" : "none";
  }

  async #goBackTo(length: number): Promise<void> {
    if (length === this.#groups.length) return;
    const groups = this.#groups.slice(0, length);
    this.#groups = groups;
    this.#acknowledged = length;
    this.store = createMemoryStore();
    await this.store.open({ session() {}, retained() {} });
    for (const group of groups) await this.store.commit(group);
  }
}

/** The broker may use the memory of a group again once it is stored. */
export function copyOfGroup(group: CommitGroup): CommitGroup {
  return {
    atMs: group.atMs,
    bodies: new Uint8Array(group.bodies),
    bodyEnds: [...group.bodyEnds],
    inboxes: new Map(
      [...group.inboxes].map(([number, { firstSequence, references }]) => [
        number,
        { firstSequence, references: [...references] },
      ]),
    ),
    sessions: new Map(group.sessions),
    subscriptions: new Map([...group.subscriptions].map(([number, changes]) => [number, new Map(changes)])),
    deliveryStates: new Map(group.deliveryStates),
    retained: new Map(group.retained),
    wills: new Map(group.wills),
  };
}
