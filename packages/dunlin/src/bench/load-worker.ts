import { setTimeout as sleep } from "node:timers/promises";
import { Idler } from "./idler.ts";
import type { LoadClient } from "./load-client.ts";
import { Counter, type LoadMemory } from "./load-memory.ts";
import { deliveriesPerMessage, type LoadPlan, shareOf } from "./load-plan.ts";
import { Publisher } from "./publisher.ts";
import { Schedule } from "./schedule.ts";
import { Subscriber } from "./subscriber.ts";
import { WorkerContext } from "./worker-context.ts";

const HOUSEKEEPING_MS = 50;
/** QoS 0 messages that are not there after this long without any arrival are lost, and no longer waited for. */
const WRITE_OFF_MS = 250;
/** A run in which nothing happens for this long has come to an end. */
export const STALL_MS = 4000;
const REMOTE_DELIVERIES_POLL_MS = 1;

export type ClientGroup = "subscribers" | "publishers" | "idlers";

/** One worker's share of the clients. */
export class LoadWorker {
  readonly #context: WorkerContext;
  readonly #memory: LoadMemory;
  readonly #groups: { readonly [Group in ClientGroup]: readonly LoadClient[] };
  readonly #publishers: readonly Publisher[];
  /** By number; those of other workers are missing. */
  readonly #byNumber: (Publisher | undefined)[] = [];
  #queue: Publisher[] = [];
  #pumping: Publisher[] = [];
  #isPumpDue = false;
  readonly #pump = (): void => this.#pumpQueued();
  #schedule: Schedule | undefined;
  #timers: NodeJS.Timeout[] = [];
  #deliveredBefore = 0;
  #quietSinceMs = 0;

  constructor(plan: LoadPlan, worker: number, memory: LoadMemory) {
    this.#context = new WorkerContext(plan, worker, memory);
    this.#memory = memory;
    const share = (clients: number): readonly number[] => shareOf(plan, worker, clients);
    this.#publishers = share(plan.publishers).map((index) => new Publisher(this.#context, index));
    for (const publisher of this.#publishers) this.#byNumber[publisher.index] = publisher;
    this.#groups = {
      subscribers: share(plan.subscribers).map((index) => new Subscriber(this.#context, index)),
      publishers: this.#publishers,
      idlers: share(plan.idlers).map((index) => new Idler(this.#context, index)),
    };
    this.#context.onDelivered = (number) => {
      const publisher = this.#byNumber[number];
      if (publisher !== undefined) this.#enqueue(publisher);
    };
    const { keepAliveSeconds } = plan.connect;
    if (keepAliveSeconds > 0) this.#timers.push(setInterval(() => this.#ping(), keepAliveSeconds * 500));
  }

  /** Connects a group of clients, not faster than the plan allows. */
  async connect(group: ClientGroup, cleanStart?: boolean): Promise<void> {
    const { rampPerSecond, connectConcurrency, workers } = this.#context.plan;
    const clients = this.#groups[group];
    const startedMs = performance.now();
    let next = 0;
    const openSome = async (): Promise<void> => {
      while (next < clients.length) {
        const client = clients[next++]!;
        const dueMs = rampPerSecond > 0 ? startedMs + ((next - 1) * workers * 1000) / rampPerSecond : 0;
        if (dueMs > performance.now()) await sleep(dueMs - performance.now());
        await client.open(cleanStart);
      }
    };
    const lanes = Math.max(1, Math.ceil(connectConcurrency / workers));
    await Promise.all(Array.from({ length: lanes }, openSome));
  }

  async leave(group: ClientGroup): Promise<void> {
    await Promise.all(this.#groups[group].map((client) => client.leave()));
  }

  /** Begins to publish at the time `startAt` of the shared clock. */
  publish(startAt: number): void {
    const { plan, clock } = this.#context;
    this.#timers.push(setInterval(() => this.#writeOffLost(), HOUSEKEEPING_MS));
    if (plan.workers > 1 && plan.inFlight > 0) {
      this.#timers.push(setInterval(() => this.#enqueueAll(), REMOTE_DELIVERIES_POLL_MS));
    }
    if (plan.ratePerSecond > 0) {
      this.#schedule = new Schedule(plan, this.#publishers, startAt, clock, (due) => this.#pumpAtOnce(due));
      this.#schedule.start();
      return;
    }
    for (const publisher of this.#publishers) publisher.target = messagesOf(plan, publisher.index);
    this.#enqueueAll();
  }

  /** No new messages; resolves when all that the schedule asked for have been sent, or can no longer be. */
  async stop(): Promise<void> {
    this.#schedule?.stop();
    for (const publisher of this.#publishers) {
      if (this.#schedule === undefined) publisher.target = publisher.sent;
    }
    const sent = (): number => this.#context.counters[Counter.sent]!;
    const isBehind = (): boolean => this.#publishers.some((each) => each.sent < each.target);
    let before = sent();
    let progressedMs = performance.now();
    while (isBehind() && performance.now() - progressedMs < STALL_MS) {
      await sleep(HOUSEKEEPING_MS);
      if (sent() !== before) progressedMs = performance.now();
      before = sent();
    }
  }

  /** Ends the sessions, also those that would stay. */
  async finish(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    const groups: readonly ClientGroup[] = ["publishers", "subscribers", "idlers"];
    for (const group of groups) await this.leave(group);
    if (this.#context.plan.sessions === "clean") return;
    for (const group of groups) {
      await this.connect(group, true);
      await this.leave(group);
    }
  }

  /** Closes what is open, at once. */
  destroy(): void {
    this.#schedule?.stop();
    for (const timer of this.#timers) clearInterval(timer);
    for (const clients of Object.values(this.#groups)) for (const client of clients) client.destroy();
  }

  #enqueue(publisher: Publisher): void {
    if (publisher.isQueued) return;
    publisher.isQueued = true;
    this.#queue.push(publisher);
    if (this.#isPumpDue) return;
    this.#isPumpDue = true;
    setImmediate(this.#pump);
  }

  #enqueueAll(): void {
    for (const publisher of this.#publishers) this.#enqueue(publisher);
  }

  #pumpQueued(): void {
    this.#isPumpDue = false;
    const publishers = this.#queue;
    this.#queue = this.#pumping;
    this.#pumping = publishers;
    const now = this.#context.clock();
    for (const publisher of publishers) {
      publisher.isQueued = false;
      if (publisher.pump(now)) this.#enqueue(publisher);
    }
    publishers.length = 0;
  }

  #pumpAtOnce(due: readonly Publisher[]): void {
    const now = this.#context.clock();
    for (const publisher of due) if (publisher.pump(now)) this.#enqueue(publisher);
  }

  #ping(): void {
    for (const clients of Object.values(this.#groups)) for (const client of clients) client.ping();
  }

  /** Else a broker that drops QoS 0 would bring publishers to a halt that wait for the delivery. */
  #writeOffLost(): void {
    const { plan, due } = this.#context;
    const isReliable = Math.min(plan.publishQoS, plan.subscribeQoS) > 0;
    if (isReliable || plan.inFlight === 0 || deliveriesPerMessage(plan) === 0) return;
    const { delivered } = this.#memory.totals();
    const nowMs = performance.now();
    if (delivered !== this.#deliveredBefore) {
      this.#deliveredBefore = delivered;
      this.#quietSinceMs = nowMs;
    } else if (nowMs - this.#quietSinceMs > WRITE_OFF_MS) {
      this.#quietSinceMs = nowMs;
      for (const { index } of this.#publishers) Atomics.store(due, index, 0);
      this.#enqueueAll();
    }
  }
}

/** A publisher's share of the messages of a run that ends by count. */
function messagesOf({ count, publishers }: LoadPlan, publisher: number): number {
  if (count === 0) return Number.POSITIVE_INFINITY;
  return Math.floor(count / publishers) + (publisher < count % publishers ? 1 : 0);
}
