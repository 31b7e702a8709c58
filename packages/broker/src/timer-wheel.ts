/** Something with at most one deadline. Linked into the wheel itself, so that a deadline costs no allocation. */
export abstract class Timed {
  /** @internal */ wheelNext: Timed | null = null;
  /** @internal */ wheelPrevious: Timed | null = null;
  /** @internal */ wheelSlot = -1;
  /** @internal */ wheelDeadlineMs = 0;

  abstract onDeadline(): void;
}

/**
 * One timer for all deadlines of a broker. Deadlines further away than one turn of the wheel are passed over
 * and looked at again a turn later. Fires up to one tick late, never early.
 */
export class TimerWheel {
  static readonly tickMs = 100;
  /** One list for each tick of a turn, and last the list that is being fired. */
  readonly #slots: (Timed | null)[];
  readonly #ticks: number;
  #nowMs: number;
  #at: number;

  constructor(nowMs: number, ticks = 1024) {
    this.#ticks = ticks;
    this.#slots = new Array<Timed | null>(ticks + 1).fill(null);
    this.#nowMs = nowMs;
    this.#at = Math.floor(nowMs / TimerWheel.tickMs);
  }

  /** Monotonic milliseconds as of the last `setNow`: cheap, and late by at most a tick. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Sets the one deadline of `timed`, in monotonic milliseconds. */
  schedule(timed: Timed, deadlineMs: number): void {
    this.cancel(timed);
    timed.wheelDeadlineMs = deadlineMs;
    const tick = Math.max(this.#at + 1, Math.ceil(deadlineMs / TimerWheel.tickMs));
    this.#link(timed, tick % this.#ticks);
  }

  cancel(timed: Timed): void {
    if (timed.wheelSlot < 0) return;
    if (timed.wheelPrevious === null) this.#slots[timed.wheelSlot] = timed.wheelNext;
    else timed.wheelPrevious.wheelNext = timed.wheelNext;
    if (timed.wheelNext !== null) timed.wheelNext.wheelPrevious = timed.wheelPrevious;
    timed.wheelNext = timed.wheelPrevious = null;
    timed.wheelSlot = -1;
  }

  /** Tells the time; fires nothing. */
  setNow(nowMs: number): void {
    this.#nowMs = Math.max(nowMs, this.#nowMs);
  }

  /** Fires what is due. */
  advance(nowMs: number): void {
    this.setNow(nowMs);
    const target = Math.floor(this.#nowMs / TimerWheel.tickMs);
    // After a long standstill one turn of the wheel sees every slot.
    if (target - this.#at > this.#ticks) this.#at = target - this.#ticks;
    while (this.#at < target) {
      this.#at++;
      this.#fire(this.#at % this.#ticks);
    }
  }

  #fire(slot: number): void {
    // What is due now moves to a slot of its own, so that callbacks may schedule and cancel anything.
    const firing = this.#ticks;
    for (let each = this.#slots[slot] ?? null; each !== null; each = each.wheelNext) each.wheelSlot = firing;
    this.#slots[firing] = this.#slots[slot] ?? null;
    this.#slots[slot] = null;
    for (let timed = this.#slots[firing]; timed; timed = this.#slots[firing]) {
      this.cancel(timed);
      if (timed.wheelDeadlineMs <= this.#nowMs) timed.onDeadline();
      else this.#link(timed, slot);
    }
  }

  #link(timed: Timed, slot: number): void {
    const head = this.#slots[slot] ?? null;
    timed.wheelNext = head;
    timed.wheelPrevious = null;
    if (head !== null) head.wheelPrevious = timed;
    this.#slots[slot] = timed;
    timed.wheelSlot = slot;
  }
}
