import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Durability } from "@dunlin/broker";
import { BrokerProcess } from "../broker-process.ts";
import { Dice } from "../dice.ts";
import { recover } from "../recover.ts";
import { World } from "../world.ts";
import { pastAt } from "./past-at.ts";
import { type Loss, losses, RecordedDisk } from "./recorded-disk.ts";
import { parseTrace, traceCommand } from "./system-calls.ts";

export interface PowerLossOptions {
  /** An empty folder of its own. */
  readonly folder: string;
  readonly seed: number;
  /** Power losses to try, spread over the recording. */
  readonly losses: number;
  /** Acknowledged messages that are recorded. */
  readonly messages: number;
  readonly plant?: string | undefined;
  /** What is promised to be there afterwards: "some", any earlier state. Default "all". */
  readonly survives?: "all" | "some" | undefined;
  readonly durability?: Durability | undefined;
  /** How long what was promised may take to come. */
  readonly patienceMs?: number | undefined;
  readonly onLoss?: (loss: Loss) => void;
}

export interface PowerLossResult {
  readonly violations: readonly string[];
  readonly tried: number;
  readonly systemCalls: number;
}

/** Records a broker under load, and starts another on what its disk might hold after a power loss. */
export async function runPowerLosses(options: PowerLossOptions): Promise<PowerLossResult> {
  const { folder, seed } = options;
  const store = join(folder, "store");
  const world = new World(seed);
  const trace = join(folder, "trace");
  await record(options, world, store, trace);
  const calls = parseTrace(readFileSync(trace, "latin1"));
  rmSync(trace);
  const disk = new RecordedDisk(store, calls);
  const dice = new Dice(seed + 2);
  const violations: string[] = [];
  let tried = 0;
  const moments = Array.from({ length: options.losses }, () => dice.below(disk.moments.length + 1));
  for (const moment of moments.sort((left, right) => left - right)) {
    disk.advance(moment);
    const loss = dice.pick(losses);
    const data = join(folder, "after");
    mkdirSync(data);
    disk.cutPower(data, loss, dice);
    const past = pastAt(world, ({ port, bytes }) => bytes <= (disk.sent.get(port) ?? 0), options.survives);
    const after = new World(seed, past, options.patienceMs);
    const { problems } = await recover(after, { data, durability: options.durability });
    rmSync(data, { recursive: true });
    violations.push(...problems.map((problem) => `power lost at ${moment}, ${loss}: ${problem}`));
    tried++;
    options.onLoss?.(loss);
    if (violations.length > 0) break;
  }
  return { violations, tried, systemCalls: calls.length };
}

async function record(options: PowerLossOptions, world: World, data: string, trace: string): Promise<void> {
  const failPoints = options.plant === undefined ? undefined : { plant: options.plant };
  const { durability } = options;
  const broker = await BrokerProcess.start({ data, wrapper: traceCommand(trace), failPoints, durability });
  await world.arrive(broker.port);
  world.load();
  await world.loaded(options.messages, () => broker.hasEnded);
  broker.kill();
  await broker.ended;
  world.killed();
}
