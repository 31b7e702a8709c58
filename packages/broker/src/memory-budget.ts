import type { Store } from "./ports/store.ts";

/** Of the budget, what a store in memory may hold: the rest is for connections. */
const OFFLINE_SHARE = 1 / 2;
const CONNECTED_SHARE = 3 / 4;

/** Counts the bytes that queues, output buffers, unfinished packets and a store in memory hold together. */
export class MemoryBudget {
  readonly limitBytes: number;
  readonly #store: Pick<Store, "heldBytes"> | undefined;
  /** Who holds memory that several hold. */
  readonly #holders = new Map<Uint8Array, number>();
  #usedBytes = 0;

  constructor(limitBytes: number, store?: Pick<Store, "heldBytes">) {
    this.limitBytes = limitBytes;
    this.#store = store;
  }

  get usedBytes(): number {
    return this.#usedBytes + (this.#store?.heldBytes ?? 0);
  }

  get exhausted(): boolean {
    return this.usedBytes > this.limitBytes;
  }

  /** Whether the store holds its share. Sessions that are connected have a larger one: what they get leaves soon. */
  storeIsFull(connected: boolean): boolean {
    const share = connected ? CONNECTED_SHARE : OFFLINE_SHARE;
    return (this.#store?.heldBytes ?? 0) > this.limitBytes * share;
  }

  /** `bytes` more are held; negative: fewer. */
  add(bytes: number): void {
    this.#usedBytes += bytes;
  }

  /** One more holds `memory`, which counts once. */
  hold(memory: Uint8Array): void {
    const holders = this.#holders.get(memory) ?? 0;
    if (holders === 0) this.#usedBytes += memory.length;
    this.#holders.set(memory, holders + 1);
  }

  /** One fewer holds it. */
  letGo(memory: Uint8Array): void {
    const holders = this.#holders.get(memory) ?? 0;
    if (holders > 1) this.#holders.set(memory, holders - 1);
    else if (this.#holders.delete(memory)) this.#usedBytes -= memory.length;
  }
}
