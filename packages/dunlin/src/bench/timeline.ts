import { difference, quantileOf } from "./latency-histogram.ts";
import type { LoadMemory, Totals } from "./load-memory.ts";
import type { TimelinePoint } from "./load-result.ts";

const MICROSECONDS = 1_000_000;

/** Takes a point of the timeline at a time. */
export class Timeline {
  readonly points: TimelinePoint[] = [];
  readonly #memory: LoadMemory;
  readonly #clock: () => number;
  readonly #startedAt: number;
  #at: number;
  #totals: Totals;
  #histogram: Uint32Array;

  constructor(memory: LoadMemory, clock: () => number) {
    this.#memory = memory;
    this.#clock = clock;
    this.#startedAt = this.#at = clock();
    this.#totals = memory.totals();
    this.#histogram = memory.histogram();
  }

  sample(): TimelinePoint {
    const at = this.#clock();
    const totals = this.#memory.totals();
    const histogram = this.#memory.histogram();
    const seconds = (at - this.#at) / MICROSECONDS;
    const latencies = difference(histogram, this.#histogram);
    const point: TimelinePoint = {
      atSeconds: (at - this.#startedAt) / MICROSECONDS,
      sentPerSecond: (totals.sent - this.#totals.sent) / seconds,
      deliveredPerSecond: (totals.delivered - this.#totals.delivered) / seconds,
      readyConnections: totals.ready,
      p50Microseconds: quantileOf(latencies, 0.5),
      p99Microseconds: quantileOf(latencies, 0.99),
    };
    this.#at = at;
    this.#totals = totals;
    this.#histogram = histogram;
    this.points.push(point);
    return point;
  }
}
