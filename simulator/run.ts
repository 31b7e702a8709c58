import { parseArgs } from "node:util";
import { generateScenario } from "./generate-scenario.ts";
import { plantedBugs } from "./planted-bugs.ts";
import { shrink } from "./shrink.ts";
import { tellStep } from "./story.ts";
import { type Outcome, play, type RunOptions } from "./world.ts";

const usage = `npm run simulate -- [--seed N] [--seeds COUNT | --minutes N] [--steps M] [--plant BUG] [--story]

  --seed N       the first seed; default 1
  --seeds COUNT  how many, one after the other; default 1 with --seed, else 1000
  --minutes N    as many as can be played in this time
  --steps M      steps of each; default 60
  --plant BUG    with a defect, to see it found: ${plantedBugs.map(({ name }) => JSON.stringify(name)).join(", ")}
  --story        tells what happens, also where nothing is wrong
`;

const print = (line: string): void => void process.stdout.write(`${line}\n`);

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    seeds: { type: "string" },
    minutes: { type: "string" },
    steps: { type: "string", default: "60" },
    plant: { type: "string" },
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

async function main(): Promise<number> {
  if (values.help) {
    print(usage);
    return 0;
  }
  const { seed, seeds, minutes, steps, plant: name, story } = values;
  const plant = plantedBugs.find((bug) => bug.name === name);
  if (name !== undefined && plant === undefined) throw new Error(`There is no bug named ${name}.\n${usage}`);
  const first = Number(seed ?? 1);
  const count =
    minutes !== undefined ? Number.POSITIVE_INFINITY : Number(seeds ?? (seed === undefined ? 1000 : 1));
  const untilMs = performance.now() + Number(minutes ?? Number.POSITIVE_INFINITY) * 60_000;
  const startedMs = performance.now();
  let played = 0;
  let received = 0;
  let crashes = 0;
  for (; played < count && performance.now() < untilMs; played++) {
    const outcome = await play(generateScenario(first + played, Number(steps)), { plant });
    received += outcome.messagesReceived;
    crashes += outcome.crashes;
    if (outcome.violations.length > 0) {
      await explain(outcome, { plant });
      print(
        `again: npm run simulate -- --seed ${first + played} --steps ${steps}${name ? ` --plant "${name}"` : ""}`,
      );
      return 1;
    }
    if (story) for (const line of outcome.story) print(line);
    if (count === 1) print(`trace ${outcome.traceHash}`);
    if (played % 1000 === 999) print(`${played + 1} seeds`);
  }
  const tookSeconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  print(
    `${played} seeds in ${tookSeconds} s: ${received} messages received, ${crashes} crashes, 0 violations`,
  );
  return 0;
}

process.exitCode = await main();
