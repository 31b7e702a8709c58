import { createHash } from "node:crypto";
import { FakeClock, HistoryChecker, type HistoryEvent, settled, type Violation } from "@dunlin/test-kit";
import { Dice } from "./dice.ts";
import { generateScenario } from "./generate-scenario.ts";
import type { Link } from "./link.ts";
import type { PlantedBug } from "./planted-bugs.ts";
import { BrokerProcess } from "./process-of-broker.ts";
import { readRetained } from "./read-retained.ts";
import type { Scenario, Step } from "./scenario.ts";
import { type ConnectStep, SimulatedClient } from "./simulated-client.ts";
import { SimulatedDisk } from "./simulated-disk.ts";
import type { StorePoint } from "./simulated-store.ts";
import { tellEvent, tellStep } from "./story.ts";

type CrashStep = Extract<Step, { does: "crash" }>;

const SETTLE_STEP_MS = 1000;
const TELL_TIME_MS = 1000;
const QUIET_MS = 8000;
const LONGEST_SETTLING_MS = 120_000;

export interface Outcome {
  readonly scenario: Scenario;
  readonly violations: readonly { readonly rule: string; readonly message: string }[];
  /** Of all that happened. */
  readonly traceHash: string;
  /** What happened, a line each. */
  readonly story: readonly string[];
  readonly messagesReceived: number;
  readonly crashes: number;
}

export interface RunOptions {
  readonly plant?: PlantedBug | undefined;
}

/** Plays a scenario, and checks what its clients were told. */
export async function play(scenario: Scenario, options: RunOptions = {}): Promise<Outcome> {
  const undo = options.plant?.patch?.();
  try {
    return await new World(scenario, options).run();
  } finally {
    undo?.();
  }
}

/** The first seed that shows a bug. */
export async function findBug(
  plant: PlantedBug,
  mostSeeds: number,
  steps: number,
): Promise<Outcome | undefined> {
  for (let seed = 1; seed <= mostSeeds; seed++) {
    const outcome = await play(generateScenario(seed, steps), { plant });
    if (outcome.violations.some(({ rule }) => rule === plant.rule)) return outcome;
  }
  return undefined;
}

class World {
  readonly clock = new FakeClock({ turns: "manual" });
  readonly #scenario: Scenario;
  readonly #plant: PlantedBug | undefined;
  readonly #disk: SimulatedDisk;
  readonly #dice: Dice;
  readonly #clients: Map<string, SimulatedClient>;
  readonly #checker = new HistoryChecker();
  readonly #story: string[] = [];
  readonly #problems: { rule: string; message: string }[] = [];
  #process: BrokerProcess | undefined;
  #processes = 0;
  #due: { step: CrashStep; left: number } | undefined;
  #lastEventMs = 0;
  #toldMs = 0;
  #received = 0;
  #crashes = 0;

  constructor(scenario: Scenario, { plant }: RunOptions) {
    this.#scenario = scenario;
    this.#plant = plant;
    this.#disk = new SimulatedDisk(scenario.durability);
    this.#dice = new Dice(scenario.seed ^ 0x5bd1e995);
    const around = {
      clock: this.clock,
      open: (step: ConnectStep): Link | undefined => this.#process?.open(step),
      tell: (event: HistoryEvent): void => this.#tell(event),
    };
    this.#clients = new Map(
      scenario.clients.map((plan) => [plan.clientId, new SimulatedClient(plan, around)]),
    );
  }

  async run(): Promise<Outcome> {
    try {
      await this.#start();
      for (const step of this.#scenario.steps) {
        await this.#advance(step.afterMs);
        this.#note(`* ${tellStep(step)}`);
        this.#do(step);
      }
      await this.#settle();
    } catch (error) {
      this.#problems.push({ rule: "exception", message: (error as Error).stack ?? String(error) });
    } finally {
      this.#process?.die();
    }
    return {
      scenario: this.#scenario,
      violations: [...this.#problems, ...this.#checker.violations],
      traceHash: createHash("sha256").update(this.#story.join("\n")).digest("hex"),
      story: this.#story,
      messagesReceived: this.#received,
      crashes: this.#crashes,
    };
  }

  #do(step: Step): void {
    switch (step.does) {
      case "crash":
        if (step.at === undefined) this.#crash(step);
        else this.#due = { step, left: step.nth };
        return;
      case "restart":
        void this.#restart(step.downMs);
        return;
      case "store fails":
        return this.#process?.store.fail(step.forMs);
      case "clock jumps":
        this.clock.setNow(this.clock.now() + step.byMs);
        for (const { will } of this.#clients.values()) will.clockJumps();
        return this.#tellTime();
      case "wait":
        return;
    }
    const client = this.#clients.get(step.client);
    if (client === undefined) return;
    if (step.does === "connect") client.connect(step);
    else if (step.does === "disconnect") client.disconnect(step);
    else if (step.does === "subscribe") client.subscribe(step);
    else if (step.does === "unsubscribe") client.unsubscribe(step.topicFilter);
    else if (step.does === "publish") client.publish(step);
    else if (step.does === "answer") client.answer();
    else if (step.does === "cut") client.link?.cut();
    else if (step.does === "half-open") client.link?.halfOpen();
    else if (step.does === "hold") client.link?.hold(step.forMs);
  }

  #tell(event: HistoryEvent): void {
    this.#note(tellEvent(event));
    if (event.is === "received") this.#received++;
    this.#lastEventMs = this.clock.monotonic();
    const { length } = this.#checker.violations;
    this.#checker.add(event);
    for (const violation of this.#checker.violations.slice(length)) this.#noteViolation(violation);
  }

  #noteViolation({ rule, message }: Violation): void {
    this.#note(`! ${rule}: ${message}`);
  }

  #note(line: string): void {
    this.#story.push(`${(this.clock.monotonic() / 1000).toFixed(3).padStart(9)} ${line}`);
  }

  #tellTime(): void {
    this.#toldMs = this.clock.monotonic();
    this.#checker.add({ is: "clock", nowMs: this.clock.now() });
  }

  /** Lets time pass: one event after the other, and after each all that it causes by itself. */
  async #advance(ms: number): Promise<void> {
    const endMs = this.clock.monotonic() + ms;
    await this.#endTurns();
    for (;;) {
      const untilEndMs = endMs - this.clock.monotonic();
      const untilNextMs = this.clock.untilNextMs ?? Number.POSITIVE_INFINITY;
      if (untilNextMs > untilEndMs) break;
      this.clock.advance(untilNextMs);
      if (this.clock.monotonic() >= this.#toldMs + TELL_TIME_MS) this.#tellTime();
      await this.#endTurns();
    }
    this.clock.advance(endMs - this.clock.monotonic());
    this.#tellTime();
  }

  async #endTurns(): Promise<void> {
    await settled();
    while (this.clock.turnIsDue) {
      this.clock.runTurn();
      await settled();
    }
  }

  async #start(): Promise<void> {
    const number = this.#processes++;
    const process = new BrokerProcess({
      scenario: this.#scenario,
      clock: this.clock,
      disk: this.#disk,
      number,
      plant: this.#plant,
      onPoint: (point) => this.#process === process && this.#onPoint(point),
      onProblem: (message) => this.#problems.push({ rule: "broker error", message }),
    });
    this.#process = process;
    await process.broker.start();
    this.#note("= the broker listens");
  }

  #onPoint(point: StorePoint): void {
    if (this.#due === undefined || this.#due.step.at !== point || --this.#due.left > 0) return;
    this.#crash(this.#due.step);
  }

  #crash(step: CrashStep): void {
    this.#due = undefined;
    if (this.#process === undefined) return;
    this.#crashes++;
    this.#process.die();
    this.#process = undefined;
    void this.#comeBack(step);
  }

  async #comeBack({ what, at, downMs }: CrashStep): Promise<void> {
    const survives = await this.#disk.crash(what, this.#dice);
    this.#note(`= the broker is gone (${what}${at === undefined ? "" : `, ${at}`}); ${survives} survives`);
    for (const client of this.#clients.values()) {
      client.will.killed(survives);
      if (survives === "some") client.startAnew();
      else if (survives === "none") client.forget();
    }
    this.#tell({ is: "killed", survives });
    await this.#pass(downMs);
    await this.#start();
  }

  async #restart(downMs: number): Promise<void> {
    const process = this.#process;
    if (process?.broker.state !== "running") return;
    this.#note("= the broker stops");
    for (const client of this.#clients.values()) client.will.killed("all");
    await process.broker.stop();
    if (this.#process !== process) return;
    process.die();
    this.#process = undefined;
    if (this.#disk.durability === "memory") return this.#comeBack({ ...KILL, downMs });
    await this.#pass(downMs);
    await this.#start();
  }

  #pass(ms: number): Promise<void> {
    return new Promise((resolve) => this.clock.after(ms, resolve));
  }

  /** Everything works again, everyone who has a session comes back, and all that waits arrives. */
  async #settle(): Promise<void> {
    this.#due = undefined;
    this.#note("* everything works from now on");
    await this.#advance(SETTLE_STEP_MS);
    for (const client of this.#clients.values()) {
      client.hurry();
      if (client.link?.state === "half-open") client.link.cut();
      client.comeBack();
    }
    const startedMs = this.clock.monotonic();
    this.#lastEventMs = startedMs;
    while (this.clock.monotonic() - this.#lastEventMs < QUIET_MS) {
      if (this.clock.monotonic() - startedMs > LONGEST_SETTLING_MS) {
        return this.#stuck("there is no end of it");
      }
      await this.#advance(SETTLE_STEP_MS);
    }
    for (const client of this.#clients.values()) {
      const { clientId } = client.plan;
      if (client.lastConnect !== undefined && client.state !== "connected")
        this.#stuck(`${clientId} is not connected`);
      else if (!client.isIdle) this.#stuck(`publishes of ${clientId} are never acknowledged`);
      client.will.settle();
    }
    const process = this.#process;
    if (process === undefined) return this.#stuck("the broker does not come back");
    const messages = await readRetained(process, this.clock, (ms) => this.#advance(ms));
    if (messages === undefined) return this.#stuck("retained messages cannot be read");
    this.#tell({ is: "retained", messages });
    this.#tell({ is: "settled" });
  }

  #stuck(message: string): void {
    this.#problems.push({ rule: "stuck", message });
    this.#note(`! stuck: ${message}`);
  }
}

const KILL = { does: "crash", afterMs: 0, what: "kill", at: undefined, nth: 1 } as const;
