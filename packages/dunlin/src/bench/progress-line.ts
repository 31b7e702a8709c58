import { formatMicroseconds, formatNumber } from "./format-figures.ts";
import type { LoadPlan } from "./load-plan.ts";
import type { RunOptions } from "./run-load.ts";

const LINE_INTERVAL_MS = 1000;
const WIDTH = 100;

/** A line on a terminal that is written over, or on anything else a line each second. */
export class ProgressLine {
  readonly #plan: LoadPlan;
  readonly #out: NodeJS.WriteStream;
  #writtenMs = 0;
  #isOpen = false;

  constructor(plan: LoadPlan, out: NodeJS.WriteStream) {
    this.#plan = plan;
    this.#out = out;
  }

  readonly onSample: RunOptions["onSample"] = (phase, point, owed) => {
    const nowMs = performance.now();
    if (nowMs - this.#writtenMs < LINE_INTERVAL_MS) return;
    this.#writtenMs = nowMs;
    const { publishers, subscribers } = this.#plan;
    const parts = [
      `${phase} ${point.atSeconds.toFixed(0)} s`,
      `${formatNumber(point.readyConnections)} connections`,
      publishers > 0 && `in ${formatNumber(point.sentPerSecond)}/s`,
      subscribers > 0 && `out ${formatNumber(point.deliveredPerSecond)}/s`,
      publishers > 0 && subscribers > 0 && `under way ${formatNumber(owed)}`,
      point.p99Microseconds > 0 && `p99 ${formatMicroseconds(point.p99Microseconds)}`,
    ].filter((part) => part !== false);
    this.#write(parts.join("  "));
  };

  end(): void {
    if (this.#isOpen) this.#out.write("\n");
    this.#isOpen = false;
  }

  #write(text: string): void {
    if (!this.#out.isTTY) {
      this.#out.write(`${text}\n`);
      return;
    }
    this.#out.write(`\r${text.padEnd(WIDTH)}`);
    this.#isOpen = true;
  }
}
