import type { LoadPlan } from "./load-plan.ts";
import type { Publisher } from "./publisher.ts";

const MICROSECONDS = 1_000_000;
/** Below this wait, mode latency watches the clock instead of sleeping: a timer may be late by a millisecond. */
const WATCH_MICROSECONDS = 2_500;
const MICROSECONDS_PER_MS = 1000;

/**
 * Sends messages at times fixed beforehand, evenly spread over the publishers. Each carries the time when it was
 * due, not when it left: where broker or network hold the publisher up, the wait counts as latency.
 */
export class Schedule {
  readonly #plan: LoadPlan;
  readonly #publishers: readonly Publisher[];
  readonly #startAt: number;
  readonly #clock: () => number;
  readonly #onDue: (publishers: readonly Publisher[]) => void;
  readonly #microsecondsPerMessage: number;
  readonly #due: Set<Publisher> = new Set();
  /** Messages per publisher that have come due, of those before the cursor one more. */
  #round = 0;
  #cursor = 0;
  #state: "new" | "running" | "stopped" = "new";

  /** `onDue` gets the publishers whose `target` has risen. */
  constructor(
    plan: LoadPlan,
    publishers: readonly Publisher[],
    startAt: number,
    clock: () => number,
    onDue: (publishers: readonly Publisher[]) => void,
  ) {
    this.#plan = plan;
    this.#publishers = publishers;
    this.#startAt = startAt;
    this.#clock = clock;
    this.#onDue = onDue;
    this.#microsecondsPerMessage = MICROSECONDS / plan.ratePerSecond;
    for (const publisher of publishers) {
      publisher.timeOfMessage = (number) => this.#timeOf(publisher.index, number);
    }
  }

  start(): void {
    if (this.#publishers.length === 0) return;
    this.#state = "running";
    this.#tick();
  }

  stop(): void {
    this.#state = "stopped";
  }

  #timeOf(publisher: number, number: number): number {
    return this.#startAt + (number * this.#plan.publishers + publisher) * this.#microsecondsPerMessage;
  }

  #tick(): void {
    if (this.#state !== "running") return;
    const now = this.#clock();
    let nextAt = this.#nextAt();
    while (nextAt <= now) {
      const publisher = this.#publishers[this.#cursor]!;
      publisher.target++;
      this.#due.add(publisher);
      if (++this.#cursor === this.#publishers.length) {
        this.#cursor = 0;
        this.#round++;
      }
      nextAt = this.#nextAt();
    }
    if (this.#due.size > 0) {
      this.#onDue([...this.#due]);
      this.#due.clear();
    }
    if (nextAt === Number.POSITIVE_INFINITY) return;
    this.#tickAgain(nextAt - this.#clock());
  }

  #tickAgain(waitMicroseconds: number): void {
    const mayWatch = this.#plan.mode === "latency";
    if (mayWatch && waitMicroseconds < WATCH_MICROSECONDS) setImmediate(() => this.#tick());
    else {
      const early = mayWatch ? WATCH_MICROSECONDS : 0;
      setTimeout(() => this.#tick(), Math.max(1, (waitMicroseconds - early) / MICROSECONDS_PER_MS));
    }
  }

  /** When the next message is due; never, once a run by count has all of its messages. */
  #nextAt(): number {
    const { index } = this.#publishers[this.#cursor]!;
    const { count, publishers } = this.#plan;
    if (count > 0 && this.#round * publishers + index >= count) return Number.POSITIVE_INFINITY;
    return this.#timeOf(index, this.#round);
  }
}
