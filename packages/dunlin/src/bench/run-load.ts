import { setTimeout as sleep } from "node:timers/promises";
import { LoadMemory } from "./load-memory.ts";
import { deliveriesPerMessage, type LoadPlan } from "./load-plan.ts";
import { type LoadResult, loadResult, type Snapshot, type TimelinePoint } from "./load-result.ts";
import { type ClientGroup, STALL_MS } from "./load-worker.ts";
import { createMicrosecondClock } from "./microsecond-clock.ts";
import { machineBusySeconds, processTree, usageOf } from "./process-usage.ts";
import { Timeline } from "./timeline.ts";
import { startWorker, type WorkerCommand, type WorkerHandle } from "./worker-port.ts";

const MICROSECONDS = 1_000_000;
const MS_PER_SECOND = 1000;
/** Publishing begins this long after it is told, so that all workers begin together. */
const START_DELAY_MICROSECONDS = 20_000;
const DRAIN_POLL_MS = 20;
const PAUSE_POLL_MS = 50;
/** QoS 0 messages that are not there this long after the last arrival are lost. */
const QOS_0_DRAIN_MS = 1000;
/** Points of the timeline in a run, and how far apart they may be. */
const TIMELINE_POINTS = 120;
const SAMPLE_MS_MINIMUM = 100;
const SAMPLE_MS_MAXIMUM = 1000;

export interface RunOptions {
  /** Processes whose use of CPU and memory is measured, with their descendants. */
  readonly brokerPids: readonly number[];
  readonly onSample: (
    phase: "connect" | "warm-up" | "run" | "drain",
    point: TimelinePoint,
    owed: number,
  ) => void;
  /** Ends the run before its time; the result is about what there was. */
  readonly signal: AbortSignal;
}

/** Runs a plan. Rejects with a ConnectionError or RefusedError where the clients cannot connect. */
export async function runLoad(plan: LoadPlan, options: RunOptions): Promise<LoadResult> {
  const run = new LoadRun(plan, options);
  try {
    return await run.result();
  } finally {
    await run.close();
  }
}

class LoadRun {
  readonly #plan: LoadPlan;
  readonly #options: RunOptions;
  readonly #memory: LoadMemory;
  readonly #workers: readonly WorkerHandle[];
  readonly #clock = createMicrosecondClock();
  readonly #brokerPids: readonly number[];
  #phase: Parameters<RunOptions["onSample"]>[0] = "connect";
  #sampler: NodeJS.Timeout | undefined;
  #timeline: Timeline;

  constructor(plan: LoadPlan, options: RunOptions) {
    this.#plan = plan;
    this.#options = options;
    this.#brokerPids = options.brokerPids.flatMap(processTree);
    this.#memory = new LoadMemory(plan.workers, plan.publishers);
    this.#timeline = new Timeline(this.#memory, this.#clock);
    this.#workers = Array.from({ length: plan.workers }, (_, worker) =>
      startWorker({ plan, worker, memory: this.#memory.buffer }),
    );
  }

  async result(): Promise<LoadResult> {
    const plan = this.#plan;
    const startedAt = new Date();
    this.#startSampling();
    const beforeConnect = this.#snapshot();
    for (const group of ["subscribers", "publishers", "idlers"] as const) await this.#connect(group);
    const afterConnect = this.#snapshot();
    if (plan.sessions === "offline") await this.#all({ kind: "leave", group: "subscribers" });
    if (plan.publishers > 0) await this.#publish();
    // The connects are the timeline of a run that does nothing else.
    else if (plan.mode !== "connect") this.#restartTimeline();
    this.#phase = "warm-up";
    await this.#pause(plan.warmupSeconds);
    const begin = this.#snapshot();
    this.#phase = "run";
    if (plan.count > 0) await this.#untilCount();
    else await this.#pause(plan.durationSeconds);
    const end = this.#snapshot();
    this.#phase = "drain";
    await this.#all({ kind: "stop" });
    const collectSeconds = plan.sessions === "offline" ? await this.#collect() : undefined;
    // A run that ends by count has waited for its messages already.
    if (plan.sessions !== "offline" && plan.count === 0) await this.#drain();
    const drained = this.#snapshot();
    clearInterval(this.#sampler);
    await this.#all({ kind: "finish" });
    const { points } = this.#timeline;
    const moments = { startedAt, beforeConnect, afterConnect, begin, end, drained };
    return loadResult(plan, { ...moments, collectSeconds, timeline: points });
  }

  async close(): Promise<void> {
    clearInterval(this.#sampler);
    await Promise.all(this.#workers.map((worker) => worker.close()));
  }

  #connect(group: ClientGroup): Promise<void> {
    return this.#all({ kind: "connect", group });
  }

  async #publish(): Promise<void> {
    this.#restartTimeline();
    await this.#all({ kind: "publish", startAt: this.#clock() + START_DELAY_MICROSECONDS });
  }

  /** Waits until everything has arrived, or nothing more does. */
  async #drain(): Promise<void> {
    const { publishQoS, subscribeQoS } = this.#plan;
    const quietMs = Math.min(publishQoS, subscribeQoS) === 0 ? QOS_0_DRAIN_MS : STALL_MS;
    await this.#untilDoneOrQuiet(() => this.#isComplete(), quietMs);
  }

  /** Waits until all messages of a run that ends by count have been sent and, unless their subscribers are away, arrived. */
  async #untilCount(): Promise<void> {
    const { count, publishQoS, sessions } = this.#plan;
    const isSent = (): boolean => {
      const { sent, acknowledged } = this.#memory.totals();
      return this.#options.signal.aborted || (sent >= count && (publishQoS === 0 || acknowledged >= sent));
    };
    await this.#untilDoneOrQuiet(isSent, STALL_MS);
    if (sessions !== "offline") await this.#drain();
  }

  async #untilDoneOrQuiet(isDone: () => boolean, quietMs: number): Promise<void> {
    let before = -1;
    let progressedMs = performance.now();
    while (!isDone() && performance.now() - progressedMs < quietMs) {
      const { sent, delivered, acknowledged } = this.#memory.totals();
      const events = sent + delivered + acknowledged;
      if (events !== before) progressedMs = performance.now();
      before = events;
      await sleep(DRAIN_POLL_MS);
    }
  }

  /** The subscribers come back for what was stored for them. */
  async #collect(): Promise<number> {
    const startedMs = performance.now();
    await this.#connect("subscribers");
    await this.#drain();
    return (performance.now() - startedMs) / MS_PER_SECOND;
  }

  #isComplete(): boolean {
    const { sent, acknowledged, delivered } = this.#memory.totals();
    const isAcknowledged = this.#plan.publishQoS === 0 || acknowledged === sent;
    return isAcknowledged && delivered >= sent * deliveriesPerMessage(this.#plan);
  }

  async #pause(seconds: number): Promise<void> {
    const untilMs = performance.now() + seconds * MS_PER_SECOND;
    while (!this.#options.signal.aborted && performance.now() < untilMs) {
      await sleep(Math.max(1, Math.min(PAUSE_POLL_MS, untilMs - performance.now())));
    }
  }

  #startSampling(): void {
    const { warmupSeconds, durationSeconds } = this.#plan;
    const everyMs = ((warmupSeconds + durationSeconds) * MS_PER_SECOND) / TIMELINE_POINTS;
    const sampleMs = Math.min(Math.max(everyMs, SAMPLE_MS_MINIMUM), SAMPLE_MS_MAXIMUM);
    this.#sampler = setInterval(() => {
      const { sent, delivered } = this.#memory.totals();
      const owed = Math.max(0, sent * deliveriesPerMessage(this.#plan) - delivered);
      this.#options.onSample(this.#phase, this.#timeline.sample(), owed);
    }, sampleMs);
  }

  #restartTimeline(): void {
    this.#timeline = new Timeline(this.#memory, this.#clock);
  }

  #snapshot(): Snapshot {
    const { user, system } = process.cpuUsage();
    return {
      at: this.#clock(),
      totals: this.#memory.totals(),
      histogram: this.#memory.histogram(),
      generatorCpuSeconds: (user + system) / MICROSECONDS,
      broker: this.#brokerPids.length === 0 ? undefined : usageOf(this.#brokerPids),
      machineBusySeconds: machineBusySeconds(),
    };
  }

  async #all(command: WorkerCommand): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.request(command)));
  }
}
