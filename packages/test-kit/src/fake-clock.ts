import type { Clock } from "@dunlin/broker";

export interface FakeClockOptions {
  /** Milliseconds since the epoch. Default 2026-01-01T00:00:00Z. */
  readonly nowMs?: number;
  /** When `afterTurn` calls back: "microtask", by itself, or "manual", on `runTurn` and `advance`. Default "microtask". */
  readonly turns?: "microtask" | "manual";
}

interface Timer {
  dueMs: number;
  /** 0: once. */
  readonly everyMs: number;
  readonly callback: () => void;
}

/** A clock that stands still until it is told otherwise. */
export class FakeClock implements Clock {
  readonly #turns: "microtask" | "manual";
  readonly #timers = new Set<Timer>();
  #nowMs: number;
  #monotonicMs = 0;
  #turn: (() => void)[] = [];

  constructor(options: FakeClockOptions = {}) {
    this.#nowMs = options.nowMs ?? Date.UTC(2026, 0, 1);
    this.#turns = options.turns ?? "microtask";
  }

  now(): number {
    return this.#nowMs;
  }

  monotonic(): number {
    return this.#monotonicMs;
  }

  every(ms: number, callback: () => void): () => void {
    // An interval of 0 would never let `advance` end.
    const everyMs = Math.max(1, ms);
    return this.#add({ dueMs: this.#monotonicMs + everyMs, everyMs, callback });
  }

  after(ms: number, callback: () => void): () => void {
    return this.#add({ dueMs: this.#monotonicMs + Math.max(0, ms), everyMs: 0, callback });
  }

  afterTurn(callback: () => void): void {
    if (this.#turns === "microtask") queueMicrotask(callback);
    else this.#turn.push(callback);
  }

  /** Lets `ms` milliseconds pass and calls back what falls due, in order of time, and each turn in between. */
  advance(ms: number): void {
    const endMs = this.#monotonicMs + ms;
    this.runTurn();
    for (let timer = this.#next(endMs); timer !== undefined; timer = this.#next(endMs)) {
      this.#passTo(timer.dueMs);
      if (timer.everyMs > 0) timer.dueMs += timer.everyMs;
      else this.#timers.delete(timer);
      timer.callback();
      this.runTurn();
    }
    this.#passTo(endMs);
  }

  /** Sets the time of day, as an administrator or NTP does: timers and `monotonic` do not notice. */
  setNow(ms: number): void {
    this.#nowMs = ms;
  }

  /** Calls back what waits for the end of the turn; what these calls add waits for the next one. */
  runTurn(): void {
    const callbacks = this.#turn;
    this.#turn = [];
    for (const callback of callbacks) callback();
  }

  /** Milliseconds until a timer falls due; undefined where there is none. */
  get untilNextMs(): number | undefined {
    const next = this.#next(Number.POSITIVE_INFINITY);
    return next && Math.max(0, next.dueMs - this.#monotonicMs);
  }

  /** Whether anything waits for the end of the turn. */
  get turnIsDue(): boolean {
    return this.#turn.length > 0;
  }

  get pendingTimers(): number {
    return this.#timers.size;
  }

  #add(timer: Timer): () => void {
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** The timer that is due first, until `endMs`; among equals the one that was set first. */
  #next(endMs: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.dueMs <= endMs && (next === undefined || timer.dueMs < next.dueMs)) next = timer;
    }
    return next;
  }

  #passTo(monotonicMs: number): void {
    this.#nowMs += monotonicMs - this.#monotonicMs;
    this.#monotonicMs = monotonicMs;
  }
}
