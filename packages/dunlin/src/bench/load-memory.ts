import { HISTOGRAM_BUCKETS } from "./latency-histogram.ts";

/** What each worker counts; the index of each in its counters. */
export const counterNames = [
  /** Connections with CONNACK and, where they subscribe, SUBACK. */
  "ready",
  "sent",
  "acknowledged",
  /** Messages that came, each counted once. */
  "delivered",
  "duplicated",
  /** Came after a later one of the same publisher. */
  "reordered",
  /** Mode sub: messages that should have come before others that have. */
  "missing",
  /** Of other runs or to the wrong subscriber. */
  "foreign",
  /** Acknowledged with a Reason Code of 0x80 or more. */
  "refused",
  /** Packets that the broker should not have sent. */
  "protocolErrors",
  /** Connections that the broker closed. */
  "closedConnections",
] as const;
export type CounterName = (typeof counterNames)[number];

export const Counter = Object.fromEntries(counterNames.map((name, index) => [name, index])) as {
  readonly [Name in CounterName]: number;
};

export type Totals = { readonly [Name in CounterName]: number };

/**
 * Memory that all workers share: each writes its own part, the main thread reads all of it at any time. Only
 * `due` has several writers.
 */
export class LoadMemory {
  readonly buffer: SharedArrayBuffer;
  readonly #workers: number;
  readonly #counters: Float64Array[] = [];
  readonly #histograms: Uint32Array[] = [];
  /** By publisher: deliveries of its messages that have not happened yet. */
  readonly due: Int32Array;

  constructor(workers: number, publishers: number, buffer?: SharedArrayBuffer) {
    const countersSize = counterNames.length * Float64Array.BYTES_PER_ELEMENT;
    const histogramSize = HISTOGRAM_BUCKETS * Uint32Array.BYTES_PER_ELEMENT;
    const dueOffset = workers * (countersSize + histogramSize);
    this.#workers = workers;
    this.buffer =
      buffer ?? new SharedArrayBuffer(dueOffset + Math.max(1, publishers) * Int32Array.BYTES_PER_ELEMENT);
    for (let worker = 0; worker < workers; worker++) {
      const offset = worker * countersSize;
      this.#counters.push(new Float64Array(this.buffer, offset, counterNames.length));
      const histogramOffset = workers * countersSize + worker * histogramSize;
      this.#histograms.push(new Uint32Array(this.buffer, histogramOffset, HISTOGRAM_BUCKETS));
    }
    this.due = new Int32Array(this.buffer, dueOffset);
  }

  countersOf(worker: number): Float64Array {
    return this.#counters[worker]!;
  }

  /** Microseconds from CONNECT to CONNACK in mode connect, else from a message's time to its arrival. */
  histogramOf(worker: number): Uint32Array {
    return this.#histograms[worker]!;
  }

  totals(): Totals {
    const sum = (index: number): number =>
      this.#counters.reduce((total, counters) => total + counters[index]!, 0);
    return Object.fromEntries(counterNames.map((name, index) => [name, sum(index)])) as Totals;
  }

  histogram(): Uint32Array {
    const merged = new Uint32Array(HISTOGRAM_BUCKETS);
    for (let worker = 0; worker < this.#workers; worker++) {
      const part = this.#histograms[worker]!;
      for (let bucket = 0; bucket < merged.length; bucket++) merged[bucket]! += part[bucket]!;
    }
    return merged;
  }
}
