import type { Counters } from "./counters.ts";
import type { Clock } from "./ports/clock.ts";
import type { Logger } from "./ports/logger.ts";

const PERIOD_MS = 1000;
const LINES_PER_PERIOD = 20;

/**
 * Lines about what clients do, who may do it as often as they like: so many of a kind are logged in each second, and
 * one more that counts the rest.
 */
export class RepeatedLines {
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #counters: Counters;
  /** By the line's message, of which there are a handful. */
  readonly #seen = new Map<string, number>();

  constructor(logger: Logger, clock: Clock, counters: Counters) {
    this.#logger = logger;
    this.#clock = clock;
    this.#counters = counters;
  }

  note(level: "info" | "warn", fields: object, message: string): void {
    if (this.#seen.size === 0) this.#clock.after(PERIOD_MS, () => this.#endPeriod());
    const seen = (this.#seen.get(message) ?? 0) + 1;
    this.#seen.set(message, seen);
    if (seen <= LINES_PER_PERIOD) this.#logger[level](fields, message);
    else this.#counters.logLinesLeftOut++;
  }

  #endPeriod(): void {
    for (const [message, seen] of this.#seen) {
      const leftOut = seen - LINES_PER_PERIOD;
      if (leftOut > 0) this.#logger.warn({ leftOut, withinMs: PERIOD_MS }, `more of the same: ${message}`);
    }
    this.#seen.clear();
  }
}
