import { BatchCache } from "./batch-cache.ts";
import { BatchReferences } from "./batch-references.ts";
import type { InboxRun } from "./inbox-run.ts";

/** Runs of one inbox that are kept in memory; the others are looked up in LMDB when these are gone. */
export const maximumHeadRuns = 16;

/** What memory holds of an inbox that is not empty. */
export interface InboxIndex {
  readonly firstUnacknowledged: number;
  /** Sequence numbers above it that have been acknowledged. */
  readonly acknowledged: readonly number[];
  /** The oldest runs, in order. */
  readonly head: readonly InboxRun[];
  /** Whether LMDB holds more runs than `head` tells. */
  readonly tail: "none" | "stored";
}

/** All that the store keeps in memory: cursors and counts, whose size does not depend on what waits in inboxes. */
export class StoreMemory {
  /** By session number; an empty inbox has none. */
  readonly inboxes: Map<number, InboxIndex> = new Map();
  readonly references: BatchReferences = new BatchReferences();
  readonly cache: BatchCache;
  /** Sessions that are deleted but still have records to erase, a few with each group. */
  readonly erasing: Set<number> = new Set();
  /** Batches that were found damaged when they were read. */
  readonly damagedBatches: Set<number> = new Set();
  nextBatchNumber = 1;
  nextSessionNumber = 1;

  constructor(cacheBytes: number) {
    this.cache = new BatchCache(cacheBytes);
  }
}
