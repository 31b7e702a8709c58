import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Durability } from "@dunlin/broker";
import { whyNotTraced } from "./broker-process.ts";
import { planKills } from "./kill-points.ts";
import { type KillOutcome, KillRun } from "./kill-run.ts";

/** Deaths of one store; then the next begins with an empty folder. */
const killsPerStore = 10;

export interface KillsOptions {
  readonly seed: number;
  readonly kills: number;
  readonly durability: Durability;
  readonly plant?: string | undefined;
  readonly onKill?: (outcome: KillOutcome) => void;
}

export interface KillsResult {
  readonly violations: readonly string[];
  readonly acknowledged: number;
  readonly received: number;
  readonly outcomes: readonly KillOutcome[];
}

/** Kills brokers all over their life; ends with the first violation. */
export async function killBrokers(options: KillsOptions): Promise<KillsResult> {
  const { seed, durability, plant } = options;
  const plan = planKills(seed, options.kills, whyNotTraced() === undefined);
  const outcomes: KillOutcome[] = [];
  const onKill = (outcome: KillOutcome): void => {
    outcomes.push(outcome);
    options.onKill?.(outcome);
  };
  const totals = { acknowledged: 0, received: 0 };
  for (let done = 0; done < plan.length; done += killsPerStore) {
    const folder = mkdtempSync(join(tmpdir(), "dunlin-crash-"));
    const run = new KillRun({ data: join(folder, "store"), seed: seed + done, durability, plant, onKill });
    try {
      const violations = await run.run(plan.slice(done, done + killsPerStore));
      totals.acknowledged += run.world.acknowledged;
      totals.received += run.world.received;
      const last = JSON.stringify(outcomes.at(-1)?.kill);
      if (violations.length > 0) {
        return {
          ...totals,
          outcomes,
          violations: violations.map((each) => `seed ${seed}, after ${last}: ${each}`),
        };
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  return { ...totals, outcomes, violations: [] };
}
