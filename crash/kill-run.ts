import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Durability } from "@dunlin/broker";
import {
  BrokerProcess,
  type BrokerProcessOptions,
  type FailPoint,
  type ProcessEnd,
} from "./broker-process.ts";
import { Dice } from "./dice.ts";
import { violationsOf, World } from "./world.ts";

/** How and when the process is killed. */
export interface Kill {
  readonly during: "load" | "recovery" | "rebuild" | "shutdown";
  /** Undefined: from outside, at any moment. */
  readonly at?: FailPoint | undefined;
  /** A system call that the tracer kills it at. */
  readonly systemCall?: FailPoint | undefined;
}

export interface KillOutcome {
  readonly kill: Kill;
  /** False where the process did not come to the point in time, and was killed from outside. */
  readonly isReached: boolean;
}

export interface KillRunOptions {
  readonly data: string;
  readonly seed: number;
  readonly durability: Durability;
  /** A defect of the store, for the proof that it is noticed. */
  readonly plant?: string | undefined;
  readonly onKill?: (outcome: KillOutcome) => void;
}

const reachTimeoutMs = 4000;
/** Where it is expected that something never comes. */
const plantedPatienceMs = 3000;
const longestLoadMessages = 120;
const longestShutdownMs = 60;
const tracedCalls = "pwrite64,writev,pwritev,fdatasync,fsync,ftruncate,rename,unlink,mkdir,rmdir";
const metaPageSize = 4096;
const magicOffset = 24;
const magic = 0xbeefc0de;
const transactionOffset = 152;

/** One world and one store that live through many deaths of the broker. */
export class KillRun {
  readonly world: World;
  readonly #options: KillRunOptions;
  readonly #dice: Dice;

  constructor(options: KillRunOptions) {
    this.#options = options;
    this.world = new World(
      options.seed,
      undefined,
      options.plant === undefined ? undefined : plantedPatienceMs,
    );
    this.#dice = new Dice(options.seed + 1);
  }

  /** Resolves to what was violated, the first time that anything was; empty where nothing was. */
  async run(kills: readonly Kill[]): Promise<readonly string[]> {
    for (const kill of kills) {
      const violations = await this.#kill(kill);
      if (violations.length > 0) return violations;
    }
    const broker = await this.#start({});
    const violations = await this.#settle(broker);
    await this.world.leave();
    const end = await broker.stop();
    if (end.code !== 0)
      return [...violations, `it did not stop cleanly: ${JSON.stringify(end)}\n${broker.log}`];
    return violations;
  }

  async #kill(kill: Kill): Promise<readonly string[]> {
    const { onKill } = this.#options;
    if (kill.during === "recovery" || kill.during === "rebuild" || kill.systemCall !== undefined) {
      onKill?.({ kill, isReached: await this.#killFromStart(kill) });
      return [];
    }
    const broker = await this.#start({ failPoints: {} });
    const violations = await this.#settle(broker);
    if (violations.length > 0) {
      broker.kill();
      return violations;
    }
    if (kill.at !== undefined) await broker.arm(kill.at);
    this.world.load();
    let isReached = true;
    if (kill.during === "shutdown") await this.#killInShutdown(broker, kill);
    else if (kill.at === undefined) await this.#killAnyTime(broker);
    else isReached = await endsInTime(broker);
    await this.#bury(broker);
    onKill?.({ kill, isReached });
    return [];
  }

  /** The point is armed before the process does anything. */
  async #killFromStart(kill: Kill): Promise<boolean> {
    const { systemCall, at } = kill;
    if (kill.during === "rebuild") damageOlderMeta(this.#options.data);
    const wrapper = systemCall && [
      ...["strace", "-f", "-qq", "-o", "/dev/null", "-e", `trace=${tracedCalls}`],
      ...["-e", `inject=${systemCall.name}:signal=KILL:when=${systemCall.count}`],
    ];
    const broker = new BrokerProcess({
      ...this.#processOptions(),
      wrapper,
      failPoints: { ...this.#plant(), at },
    });
    let isReached = true;
    if (await broker.listening()) {
      await this.world.arrive(broker.port);
      this.world.load();
      isReached = await endsInTime(broker);
    }
    await this.#bury(broker);
    return isReached;
  }

  async #killAnyTime(broker: BrokerProcess): Promise<void> {
    await this.world.loaded(this.#dice.below(longestLoadMessages), () => broker.hasEnded);
    await pause(this.#dice.below(20) / 4);
    broker.kill();
  }

  async #killInShutdown(broker: BrokerProcess, kill: Kill): Promise<void> {
    await this.world.loaded(this.#dice.below(longestLoadMessages), () => broker.hasEnded);
    broker.kill("SIGTERM");
    if (kill.at === undefined) await pause(this.#dice.below(longestShutdownMs));
    else await endsInTime(broker);
  }

  async #bury(broker: BrokerProcess): Promise<void> {
    broker.kill();
    const end = await broker.ended;
    this.world.killed();
    if (!isKilled(end)) throw new Error(`it was not killed but ended: ${JSON.stringify(end)}\n${broker.log}`);
  }

  async #settle(broker: BrokerProcess): Promise<readonly string[]> {
    try {
      await this.world.arrive(broker.port);
      await this.world.settle();
    } catch (error) {
      if (!broker.hasEnded) return [...violationsOf(this.world), (error as Error).message];
      throw new Error(`it ended by itself:\n${broker.log}`, { cause: error });
    }
    return violationsOf(this.world);
  }

  #start(options: Pick<BrokerProcessOptions, "failPoints">): Promise<BrokerProcess> {
    const failPoints = this.#options.plant === undefined ? options.failPoints : this.#plant();
    return BrokerProcess.start({ ...this.#processOptions(), failPoints });
  }

  #processOptions(): BrokerProcessOptions {
    const { data, durability } = this.#options;
    return { data, durability };
  }

  #plant(): { plant?: string | undefined } {
    return { plant: this.#options.plant };
  }
}

/** LMDB's last transaction but one: nothing is lost with it, but the file counts as damaged, and is rebuilt. */
function damageOlderMeta(data: string): void {
  const path = join(data, "data.mdb");
  if (!existsSync(path)) return;
  const bytes = readFileSync(path);
  if (bytes.length < 2 * metaPageSize) return;
  const isSound = (page: number): boolean => bytes.readUInt32LE(page * metaPageSize + magicOffset) === magic;
  // Damaged already, by a kill before: the other one is all that there is.
  if (!isSound(0) || !isSound(1)) return;
  const transactionOf = (page: number): bigint =>
    bytes.readBigUInt64LE(page * metaPageSize + transactionOffset);
  const older = transactionOf(0) < transactionOf(1) ? 0 : 1;
  bytes.fill(0xaa, older * metaPageSize, (older + 1) * metaPageSize);
  writeFileSync(path, bytes);
}

/** Also where a clean end came before the kill: of that nothing is lost either. */
function isKilled({ code, signal }: ProcessEnd): boolean {
  return signal === "SIGKILL" || code === 137 || code === 0;
}

async function endsInTime(broker: BrokerProcess): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), reachTimeoutMs);
  });
  const isEnded = await Promise.race([broker.ended.then(() => true as const), late]);
  clearTimeout(timer);
  return isEnded;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
