import type { HistoryEvent as CheckedEvent } from "@dunlin/test-kit";
import type { StreamPosition } from "./device.ts";

/** One moment, as a client sees it; the order of the list is that of time. */
export type HistoryEvent = CheckedEvent & {
  /** Where the packet that told the client ends. */
  readonly at?: StreamPosition | undefined;
};
