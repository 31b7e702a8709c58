import type { Published } from "./history.ts";

/** A message, and the places in the history that tell of it. */
export interface MessageRecord {
  readonly published: Published;
  readonly publishedAt: number;
  acknowledgedAt: number | undefined;
  withdrawn: boolean;
  /** Retained: when another one had taken its place for certain. */
  replacedAt: number | undefined;
}
