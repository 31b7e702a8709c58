import { PacketType } from "@dunlin/protocol";
import type { Clock } from "../ports/clock.ts";

/** What a client may take of a turn of the event loop while others wait. */
const READ_MS_PER_TURN = 25;
/**
 * PUBLISH packets of a client that are dealt with before the others' turn: about a tenth of a millisecond. Not so
 * acknowledgements: where they wait, messages queue behind them.
 */
const PUBLISHES_PER_TURN = 256;
/** Packets between two looks at the clock. */
const PACKETS_PER_LOOK = 16;

/**
 * Keeps one client's packets from taking a turn of the event loop for themselves: there may be many in what is read
 * at once, and each may go to thousands of subscribers or be compared with thousands of filters.
 */
export class TurnShare {
  readonly #clock: Clock;
  #packets = 0;
  #publishes = 0;
  #startedMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Something has been read. Not to be called where what had been read before is gone on with. */
  begin(): void {
    this.#packets = this.#publishes = 0;
  }

  /** One more packet (0: none) has been dealt with; true: it is the others' turn, and the next share begins. */
  isUsedUp(packetType: number): boolean {
    this.#packets++;
    if (packetType === PacketType.PUBLISH && ++this.#publishes === PUBLISHES_PER_TURN) {
      this.#packets = this.#publishes = 0;
      return true;
    }
    if (this.#packets % PACKETS_PER_LOOK !== 0) return false;
    const nowMs = this.#clock.monotonic();
    // The first packets are few and quick as a rule: they are let off.
    if (this.#packets === PACKETS_PER_LOOK) this.#startedMs = nowMs;
    if (nowMs - this.#startedMs <= READ_MS_PER_TURN) return false;
    this.#packets = this.#publishes = 0;
    return true;
  }
}
