import { copyFileSync, cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BrokerProcess } from "../broker-process.ts";
import { Dice } from "../dice.ts";
import { pastAt } from "../power-loss/past-at.ts";
import { recover } from "../recover.ts";
import { World } from "../world.ts";

export interface BitFlipOptions {
  /** An empty folder of its own. */
  readonly folder: string;
  readonly seed: number;
  readonly flips: number;
  readonly onFlip?: (outcome: FlipOutcome) => void;
}

/** silent: something is missing, and nobody was told. */
export type FlipOutcome = "without effect" | "reported" | "silent";

export interface BitFlipResult {
  readonly violations: readonly string[];
  readonly outcomes: Readonly<Record<FlipOutcome, number>>;
}

const pageSize = 4096;
/** Of messages, which are many: a bit there says less than one elsewhere. */
/** In a session, a subscription, a retained message, a will, and in messages. */
const recordTexts = ["subscriber-5", "fence", "r/publisher-5/0", "keeper:0", "publisher-4:0.1"];
const patienceMs = 5000;
const filling = "x".charCodeAt(0);

/** Turns single bits of a data file, and starts a broker on each: it comes up, and says what it has lost. */
export async function flipBits(options: BitFlipOptions): Promise<BitFlipResult> {
  const { folder, seed } = options;
  const store = join(folder, "store");
  const world = new World(seed);
  await fill(world, store);
  const dice = new Dice(seed + 3);
  const outcomes = { "without effect": 0, reported: 0, silent: 0 };
  const violations: string[] = [];
  const original = readFileSync(join(store, "data.mdb"));
  for (let flip = 0; flip < options.flips; flip++) {
    const data = join(folder, "flipped");
    cpSync(store, data, { recursive: true, filter: (path) => !path.endsWith(".sock") });
    const places = placesIn(original, flip, dice);
    const bytes = Buffer.from(original);
    const bit = 1 << dice.below(8);
    for (const place of places) bytes.writeUInt8(bytes.readUInt8(place) ^ bit, place);
    writeFileSync(join(data, "data.mdb"), bytes);
    const after = new World(
      seed,
      pastAt(world, () => true),
      patienceMs,
    );
    const { problems, log } = await recover(after, { data });
    const isReported = /damaged|set aside|missing/.test(log);
    const outcome = problems.length === 0 ? "without effect" : isReported ? "reported" : "silent";
    outcomes[problems.length === 0 && isReported ? "reported" : outcome]++;
    options.onFlip?.(outcome);
    if (outcome === "silent" || /the broker/.test(problems.join())) {
      violations.push(...problems.map((problem) => `bit at ${places.join()}: ${problem}`));
      copyFileSync(join(data, "data.mdb"), join(folder, `flipped-${flip}.mdb`));
    }
    rmSync(data, { recursive: true });
  }
  return { violations, outcomes };
}

function placesOf(bytes: Buffer, text: string): number[] {
  const places: number[] = [];
  for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1)) places.push(at);
  return places;
}

/** A store with messages that wait, killed under load. */
async function fill(world: World, data: string): Promise<void> {
  const broker = await BrokerProcess.start({ data });
  await world.arrive(broker.port);
  world.load();
  await world.loaded(400, () => broker.hasEnded);
  broker.kill();
  await broker.ended;
  world.killed();
}

/**
 * In the head of a page, where LMDB keeps its own numbers; in the two meta pages; in a record, wherever it stands, for
 * pages that are out of use may hold it too; or where anything is written.
 */
function placesIn(bytes: Buffer, flip: number, dice: Dice): number[] {
  const page = dice.below(bytes.length / pageSize) * pageSize;
  if (flip % 4 === 0) return [page + dice.below(64)];
  if (flip % 4 === 1) return [dice.below(2) * pageSize + dice.below(168)];
  if (flip % 4 === 2) return placesOf(bytes, dice.pick(recordTexts));
  let place = dice.below(bytes.length);
  while (bytes[place] === 0 || bytes[place] === filling) place = (place + 1) % bytes.length;
  return [place];
}
