import type { Clock } from "@dunlin/broker";

/** A clock for one process: once that has died, nothing is called back any more. */
export class MortalClock implements Clock {
  readonly #clock: Clock;
  readonly #cancels = new Set<() => void>();
  #state: "alive" | "dead" = "alive";

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  die(): void {
    this.#state = "dead";
    for (const cancel of this.#cancels) cancel();
  }

  now(): number {
    return this.#clock.now();
  }

  monotonic(): number {
    return this.#clock.monotonic();
  }

  every(ms: number, callback: () => void): () => void {
    return this.#keep(this.#clock.every(ms, () => this.#call(callback)));
  }

  after(ms: number, callback: () => void): () => void {
    return this.#keep(
      this.#clock.after(ms, () => {
        this.#call(callback);
      }),
    );
  }

  afterTurn(callback: () => void): void {
    this.#clock.afterTurn(() => this.#call(callback));
  }

  #keep(cancel: () => void): () => void {
    if (this.#state === "dead") cancel();
    this.#cancels.add(cancel);
    return cancel;
  }

  #call(callback: () => void): void {
    if (this.#state === "alive") callback();
  }
}
