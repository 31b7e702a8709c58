import type { Clock } from "../ports/clock.ts";

/** What a client may take of a turn of the event loop while others wait. */
const READ_MS_PER_TURN = 25;
/** Packets between two looks at the clock. */
const PACKETS_PER_LOOK = 16;

/**
 * Keeps one client's packets from taking a turn of the event loop for themselves: there may be many in what is read
 * at once, and each may go to thousands of subscribers or be compared with thousands of filters.
 */
export class TurnShare {
  readonly #clock: Clock;
  #packets = 0;
  #startedMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Something has been read. Not to be called where what had been read before is gone on with. */
  begin(): void {
    this.#packets = 0;
  }

  /** One more packet has been dealt with; true: it is the others' turn, and the next share begins. */
  isUsedUp(): boolean {
    this.#packets++;
    if (this.#packets % PACKETS_PER_LOOK !== 0) return false;
    const nowMs = this.#clock.monotonic();
    // The first packets are few and quick as a rule: they are let off.
    if (this.#packets === PACKETS_PER_LOOK) this.#startedMs = nowMs;
    if (nowMs - this.#startedMs <= READ_MS_PER_TURN) return false;
    this.#packets = 0;
    return true;
  }
}
