// `npm run test:crash`: the long form of what `npm test` does in a minute; writes docs/durability.md.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type BitFlipResult, flipBits } from "./bit-flips/bit-flips.ts";
import { whyNotTraced } from "./broker-process.ts";
import {
  type CrashReport,
  type DiskFaultOutcome,
  durabilityDocument,
  type PowerLossCounts,
} from "./durability-document.ts";
import { type KillsResult, killBrokers } from "./kills.ts";
import { runPowerLosses } from "./power-loss/power-loss.ts";
import type { Loss } from "./power-loss/recorded-disk.ts";
import { progress, say } from "./progress.ts";

const documentFile = fileURLToPath(new URL("../docs/durability.md", import.meta.url));
const root = fileURLToPath(new URL("..", import.meta.url));
/** Power losses after one recording. */
const lossesPerRecording = 40;
const flipsPerStore = 50;

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "500" },
    "power-losses": { type: "string", default: "400" },
    flips: { type: "string", default: "200" },
    seed: { type: "string", default: "1" },
    "no-document": { type: "boolean", default: false },
  },
});
const seed = Number(values.seed);
const violations: string[] = [];

async function kill(durability: "disk" | "os", kills: number): Promise<KillsResult> {
  let done = 0;
  const onKill = (): void => progress(`kill -9, ${durability}: ${++done} of ${kills}`);
  const result = await killBrokers({ seed, kills, durability, onKill });
  say(
    `kill -9, durability ${durability}: ${result.outcomes.length} kills, ${result.violations.length} violations`,
  );
  violations.push(...result.violations);
  return result;
}

async function inFolder<Result>(run: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), "dunlin-crash-"));
  try {
    return await run(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function losePower(durability: "disk" | "os", losses: number): Promise<PowerLossCounts> {
  const skipped = whyNotTraced();
  const survives = durability === "disk" ? "all" : "some";
  const counts = new Map<Loss, number>();
  let [systemCalls, done] = [0, 0];
  const onLoss = (loss: Loss): void => {
    counts.set(loss, (counts.get(loss) ?? 0) + 1);
    progress(`power loss, ${durability}: ${++done} of ${losses}`);
  };
  while (skipped === undefined && done < losses && violations.length === 0) {
    const some = Math.min(lossesPerRecording, losses - done);
    const load = { seed: seed + done, losses: some, messages: 150 + 10 * (done % 30) };
    const options = { ...load, durability, survives, onLoss } as const;
    const result = await inFolder((folder) => runPowerLosses({ ...options, folder }));
    systemCalls += result.systemCalls;
    violations.push(...result.violations);
  }
  say(`power loss, durability ${durability}: ${skipped ?? `${done} losses`}`);
  return { counts, systemCalls, skipped };
}

async function flip(flips: number): Promise<BitFlipResult["outcomes"]> {
  const outcomes = { "without effect": 0, reported: 0, silent: 0 };
  for (let done = 0; done < flips; done += flipsPerStore) {
    const onFlip = (): void => progress(`bit flips: ${done} of ${flips}`);
    const options = { seed: seed + done, flips: Math.min(flipsPerStore, flips - done), onFlip };
    const result = await inFolder((folder) => flipBits({ ...options, folder }));
    for (const name of Object.keys(outcomes) as (keyof typeof outcomes)[])
      outcomes[name] += result.outcomes[name];
    violations.push(...result.violations);
  }
  say(`bit flips: ${JSON.stringify(outcomes)}`);
  return outcomes;
}

function failDisks(): readonly DiskFaultOutcome[] {
  const vitest = ["vitest", "run", "crash/disk-faults", "--reporter=json"];
  const { stdout } = spawnSync("npx", vitest, {
    cwd: root,
    encoding: "utf8",
    env: { ...process.env, CRASH_LONG: "1" },
  });
  const { testResults } = JSON.parse(stdout.slice(stdout.indexOf("{"))) as {
    testResults: { assertionResults: { fullName: string; status: string }[] }[];
  };
  const outcomes = testResults.flatMap(({ assertionResults }) => assertionResults);
  for (const { fullName, status } of outcomes) {
    say(`${status.padEnd(8)}${fullName}`);
  }
  return outcomes.map(({ fullName, status }) => ({ name: fullName, status }));
}

const report: CrashReport = {
  disk: await kill("disk", Math.ceil(Number(values.kills) * 0.8)),
  os: await kill("os", Math.floor(Number(values.kills) * 0.2)),
  powerLosses: {
    disk: await losePower("disk", Math.ceil(Number(values["power-losses"]) * 0.8)),
    os: await losePower("os", Math.floor(Number(values["power-losses"]) * 0.2)),
  },
  bitFlips: await flip(Number(values.flips)),
  diskFaults: failDisks(),
  violations,
};
for (const violation of violations) say(violation);
if (!values["no-document"]) {
  const before = existsSync(documentFile) ? readFileSync(documentFile, "utf8") : "";
  writeFileSync(documentFile, durabilityDocument(report, before));
}
const isFailed = report.diskFaults.some(({ status }) => status === "failed");
process.exitCode = violations.length === 0 && !isFailed ? 0 : 1;
