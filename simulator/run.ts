import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { generateScenario } from "./generate-scenario.ts";
import { plantedBugs } from "./planted-bugs.ts";
import { shrink } from "./shrink.ts";
import { withSimulation } from "./simulation-document.ts";
import { tellStep } from "./story.ts";
import { findBug, type Outcome, play, type RunOptions } from "./world.ts";

const MOST_SEEDS_FOR_A_BUG = 2000;
const documentFile = fileURLToPath(new URL("../docs/durability.md", import.meta.url));

const usage = `npm run simulate -- [--seed N] [--seeds COUNT | --minutes N] [--steps M] [--plant BUG] [--story]

  --seed N       the first seed; default 1
  --seeds COUNT  how many, one after the other; default 1 with --seed, else 1000
  --minutes N    as many as can be played in this time
  --steps M      steps of each; default 100
  --plant BUG    with a defect, to see it found: ${plantedBugs.map(({ name }) => JSON.stringify(name)).join(", ")}
  --report       writes the section of docs/durability.md
  --story        tells what happens, also where nothing is wrong
`;

const print = (line: string): void => void process.stdout.write(`${line}\n`);

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    seeds: { type: "string" },
    minutes: { type: "string" },
    steps: { type: "string", default: "100" },
    plant: { type: "string" },
    report: { type: "boolean", default: false },
    story: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

async function explain(outcome: Outcome, options: RunOptions): Promise<void> {
  const { scenario, violations } = outcome;
  const rules = new Set(violations.map(({ rule }) => rule));
  print(
    `seed ${scenario.seed} with ${scenario.steps.length} steps: ${[...rules].join(", ")}; looking for less`,
  );
  const fails = async (candidate: typeof scenario): Promise<boolean> =>
    (await play(candidate, options)).violations.some(({ rule }) => rule === violations[0]?.rule);
  const smallest = await shrink(scenario, fails);
  const again = await play(smallest, options);
  print(`${smallest.clients.length} clients and ${smallest.steps.length} steps are enough:`);
  print(`  durability ${smallest.durability}, store up to ${smallest.storeDelayMs} ms a step`);
  for (const step of smallest.steps) print(`  ${String(step.afterMs).padStart(5)} ms  ${tellStep(step)}`);
  print("what happens (seconds, * step, > sent, < received, = the broker, ! violation):");
  for (const line of again.story) print(line);
  for (const { rule, message } of again.violations) print(`${rule}: ${message}`);
}

interface Played {
  readonly seeds: number;
  readonly seconds: number;
  readonly messagesReceived: number;
  readonly crashes: number;
  readonly violations: number;
}

/** Plays one seed after the other, up to the first that fails. */
async function playSeeds(first: number, count: number, steps: number, options: RunOptions): Promise<Played> {
  const startedMs = performance.now();
  const untilMs = startedMs + Number(values.minutes ?? Number.POSITIVE_INFINITY) * 60_000;
  const total = { seeds: 0, messagesReceived: 0, crashes: 0, violations: 0 };
  while (total.seeds < count && total.violations === 0 && performance.now() < untilMs) {
    const seed = first + total.seeds++;
    const outcome = await play(generateScenario(seed, steps), options);
    total.messagesReceived += outcome.messagesReceived;
    total.crashes += outcome.crashes;
    total.violations += outcome.violations.length;
    if (values.story) for (const line of outcome.story) print(line);
    if (count === 1) print(`trace ${outcome.traceHash}`);
    if (total.seeds % 1000 === 0) print(`${total.seeds} seeds`);
    if (outcome.violations.length === 0) continue;
    await explain(outcome, options);
    const plant = options.plant === undefined ? "" : ` --plant "${options.plant.name}"`;
    print(`again: npm run simulate -- --seed ${seed} --steps ${steps}${plant}`);
  }
  return { ...total, seconds: (performance.now() - startedMs) / 1000 };
}

async function writeReport(steps: number, played: Played): Promise<void> {
  const bugs = [];
  for (const plant of plantedBugs)
    bugs.push({ plant, found: await findBug(plant, MOST_SEEDS_FOR_A_BUG, steps) });
  const page = existsSync(documentFile) ? readFileSync(documentFile, "utf8") : "";
  writeFileSync(documentFile, withSimulation(page, { ...played, steps, bugs }));
}

async function main(): Promise<number> {
  if (values.help) {
    print(usage);
    return 0;
  }
  const { seed, seeds, minutes, plant: name, report } = values;
  const plant = plantedBugs.find((bug) => bug.name === name);
  if (name !== undefined && plant === undefined) throw new Error(`There is no bug named ${name}.\n${usage}`);
  const steps = Number(values.steps);
  const count =
    minutes === undefined ? Number(seeds ?? (seed === undefined ? 1000 : 1)) : Number.POSITIVE_INFINITY;
  const played = await playSeeds(Number(seed ?? 1), count, steps, { plant });
  const { seconds, messagesReceived, crashes, violations } = played;
  const counts = `${messagesReceived} messages received, ${crashes} crashes, ${violations} violations`;
  print(`${played.seeds} seeds in ${seconds.toFixed(1)} s: ${counts}`);
  if (report) await writeReport(steps, played);
  return violations === 0 ? 0 : 1;
}

process.exitCode = await main();
