import { PacketType } from "@dunlin/protocol";
import type { LimitCounters } from "../counters.ts";
import type { ResolvedOptions } from "../options.ts";
import type { Clock } from "../ports/clock.ts";

/** Packets between two looks at the clock. */
const PACKETS_PER_LOOK = 16;

/**
 * Keeps one client's packets from taking a turn of the event loop for themselves: there may be many in what is read
 * at once, and each may go to thousands of subscribers or be compared with thousands of filters.
 */
export class TurnShare {
  readonly #clock: Clock;
  readonly #counters: LimitCounters;
  readonly #maximumPublishes: number;
  readonly #maximumMs: number;
  #packets = 0;
  #publishes = 0;
  #startedMs = 0;

  constructor({ clock, limits }: ResolvedOptions, counters: LimitCounters) {
    this.#clock = clock;
    this.#counters = counters;
    this.#maximumPublishes = limits.maximumPublishesPerTurn;
    this.#maximumMs = limits.maximumReadMsPerTurn;
  }

  /** Something has been read. Not to be called where what had been read before is gone on with. */
  begin(): void {
    this.#packets = this.#publishes = 0;
  }

  /** One more packet (0: none) has been dealt with; true: it is the others' turn, and the next share begins. */
  isUsedUp(packetType: number): boolean {
    this.#packets++;
    // Acknowledgements are not counted: where they wait, messages queue behind them.
    if (packetType === PacketType.PUBLISH && ++this.#publishes === this.#maximumPublishes) {
      this.#counters.maximumPublishesPerTurn++;
      this.#packets = this.#publishes = 0;
      return true;
    }
    if (this.#packets % PACKETS_PER_LOOK !== 0) return false;
    const nowMs = this.#clock.monotonic();
    // The first packets are few and quick as a rule: they are let off.
    if (this.#packets === PACKETS_PER_LOOK) this.#startedMs = nowMs;
    if (nowMs - this.#startedMs <= this.#maximumMs) return false;
    this.#counters.maximumReadMsPerTurn++;
    this.#packets = this.#publishes = 0;
    return true;
  }
}
