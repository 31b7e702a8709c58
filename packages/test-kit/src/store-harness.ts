import type { Store } from "@dunlin/broker";
import type { RecoveredStore } from "./store-groups.ts";

/** The store under test, as the cases use it. */
export interface StoreHarness {
  readonly store: Store;
  /** Opens the store and gives it the sessions 1, 2 and 3. */
  opened(): Promise<void>;
  /** Closes the store and opens it on the same data. */
  reopen(): Promise<RecoveredStore>;
  /** The messages of an inbox from a sequence number on, as "sequence:body". */
  inbox(sessionNumber: number, fromSequence?: number): Promise<string[]>;
}
