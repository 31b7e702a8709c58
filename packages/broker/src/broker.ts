import { type PublishPacket, ReasonCode, topicFilterProblem } from "@dunlin/protocol";
import { Connections } from "./connection/connections.ts";
import type { Counters } from "./counters.ts";
import { Engine } from "./delivery/engine.ts";
import { publishMessage, publishMessageTo } from "./delivery/publish-message.ts";
import { recover } from "./delivery/recover.ts";
import { BrokerError } from "./errors.ts";
import type { BrokerEvents } from "./events.ts";
import { type BrokerOptions, resolveOptions } from "./options.ts";
import type { Listener } from "./ports/listener.ts";
import type { InterceptedMessage } from "./ports/publish-interceptor.ts";
import type { SystemTopicPublisher, SystemTopicService } from "./ports/system-topic-service.ts";
import { Session } from "./session/session.ts";
import { createMemoryStore } from "./storage/memory-store.ts";
import { LocalSubscriber } from "./sys/local-subscriber.ts";
import { SysTopics } from "./sys/sys-topics.ts";
import { TimerWheel } from "./timer-wheel.ts";
import { nodeClock } from "./transport/node-clock.ts";
import { nodeRandom } from "./transport/node-random.ts";
import { version } from "./version.ts";

const HEARTBEAT_MS = 5000;
const MEMORY_CHECK_MS = 100;
const RETAINED_EXPIRY_MS = 10_000;
/** How long `stop` waits for clients to read what is left for them. */
const DRAIN_MS = 3000;
const DRAIN_POLL_MS = 20;

/** A message of the embedding program; QoS 0, not retained and without properties unless said. */
export type BrokerMessage = Pick<InterceptedMessage, "topicName"> & {
  readonly payload: Uint8Array | string;
} & Partial<Pick<InterceptedMessage, "qos" | "retain" | "properties">>;

/** An MQTT broker inside this process. */
export interface Broker extends AsyncDisposable {
  readonly state: "new" | "starting" | "running" | "stopping" | "stopped";
  /** With their URLs once started. */
  readonly listeners: readonly Listener[];
  readonly counters: Readonly<Counters>;
  /**
   * Opens the store and then the listeners. Where one fails, what was started is stopped again. Rejects with a
   * BrokerError (DUNLIN_STORE, DUNLIN_LISTEN, DUNLIN_STATE).
   */
  start(): Promise<void>;
  /** Says goodbye to every client, stores what is left, and closes. Idempotent. */
  stop(): Promise<void>;
  /** Publishes; resolves when the message is stored wherever it has to be. */
  publish(message: BrokerMessage): Promise<void>;
  /** Calls back for every message that matches; returns a function that ends it. */
  subscribe(topicFilter: string, onMessage: (message: PublishPacket) => void): () => void;
  /**
   * Closes a client's connection with Reason Code 0x98 (Administrative action), or with 0x9C (Use another server)
   * where a Server Reference tells it where to go; false where it has none.
   */
  disconnect(clientId: string, reason?: string, serverReference?: string): boolean;
  /** Returns a function that takes the handler off. */
  on<Name extends keyof BrokerEvents>(name: Name, handler: (event: BrokerEvents[Name]) => void): () => void;
}

/** Makes a broker; nothing happens before `start`. Throws a BrokerError (DUNLIN_OPTION) for bad options. */
export function createBroker(options: BrokerOptions = {}): Broker {
  return new RunningBroker(options);
}

class RunningBroker implements Broker {
  readonly #engine: Engine;
  readonly #connections: Connections;
  readonly #services: readonly SystemTopicService[];
  #state: Broker["state"] = "new";
  #cancels: (() => void)[] = [];
  #starting: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;

  constructor(options: BrokerOptions) {
    const platform = { clock: nodeClock, random: nodeRandom, store: options.store ?? createMemoryStore() };
    this.#engine = new Engine(resolveOptions(options, platform));
    this.#connections = new Connections(this.#engine);
    const { systemTopicServices, sysIntervalSeconds } = this.#engine.options;
    const sys = sysIntervalSeconds > 0 ? [new SysTopics(this.#engine, version)] : [];
    this.#services = [...sys, ...systemTopicServices];
  }

  get state(): Broker["state"] {
    return this.#state;
  }

  get listeners(): readonly Listener[] {
    return this.#engine.options.listeners;
  }

  get counters(): Readonly<Counters> {
    return this.#engine.counters;
  }

  async start(): Promise<void> {
    if (this.#state !== "new")
      throw new BrokerError("DUNLIN_STATE", `cannot start a broker that is ${this.#state}`);
    this.#state = "starting";
    this.#starting = this.#start();
    try {
      await this.#starting;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async publish(message: BrokerMessage): Promise<void> {
    this.#requireState("running", "publish");
    const { topicName, qos = 0, retain = false, properties = {} } = message;
    try {
      this.#engine.topics.internName(topicName);
    } catch (cause) {
      const problem = (cause as Error).message;
      throw new BrokerError("DUNLIN_OPTION", `cannot publish to ${JSON.stringify(topicName)}: ${problem}`, {
        cause,
      });
    }
    const payload = typeof message.payload === "string" ? Buffer.from(message.payload) : message.payload;
    if (publishMessage(this.#engine, { topicName, payload, qos, retain, properties })) {
      await this.#engine.commits.stored();
    }
  }

  subscribe(topicFilter: string, onMessage: (message: PublishPacket) => void): () => void {
    this.#requireState("running", "subscribe");
    const problem = topicFilterProblem(topicFilter);
    if (problem !== undefined)
      throw new BrokerError("DUNLIN_OPTION", `the Topic Filter ${JSON.stringify(topicFilter)} ${problem}`);
    const session = new Session("", 0, 5, false, this.#engine.ends);
    const { logger } = this.#engine.options;
    session.sink = new LocalSubscriber(onMessage, (error) => {
      logger.error({ error, topicFilter }, "a subscriber in the program threw");
    });
    this.#engine.router.subscribe(session, {
      topicFilter,
      qos: 0,
      noLocal: false,
      retainAsPublished: true,
      retainHandling: 2,
      subscriptionIdentifier: 0,
    });
    return () => void this.#engine.router.unsubscribe(session, topicFilter);
  }

  disconnect(
    clientId: string,
    reason = "disconnected by the administrator",
    serverReference?: string,
  ): boolean {
    for (const connection of this.#connections.values()) {
      if (!connection.established || connection.identity.clientId !== clientId) continue;
      const reasonCode =
        serverReference === undefined ? ReasonCode.AdministrativeAction : ReasonCode.UseAnotherServer;
      connection.disconnect({ reasonCode, reason, byClient: false, withWill: true, serverReference });
      return true;
    }
    return false;
  }

  on<Name extends keyof BrokerEvents>(name: Name, handler: (event: BrokerEvents[Name]) => void): () => void {
    return this.#engine.events.on(name, handler);
  }

  async #start(): Promise<void> {
    await recover(this.#engine);
    this.#startClock();
    const publisher = this.#publisher();
    for (const service of this.#services) service.start(publisher);
    for (const listener of this.listeners) {
      this.#requireState("starting", "go on starting");
      const host = this.#connections.hostOf(listener);
      await listener.start((stream) => this.#connections.accept(stream), host);
    }
    this.#requireState("starting", "go on starting");
    this.#state = "running";
  }

  #startClock(): void {
    const { wheel, retained, commits, counters, options } = this.#engine;
    const { clock } = options;
    this.#cancels = [
      clock.every(TimerWheel.tickMs, () => {
        // What has arrived is read first: after a standstill of this process nobody is taken for silent.
        const nowMs = clock.monotonic();
        wheel.setNow(nowMs);
        clock.afterTurn(() => wheel.advance(nowMs));
      }),
      clock.every(MEMORY_CHECK_MS, () => this.#connections.makeRoom()),
      clock.every(RETAINED_EXPIRY_MS, () => retained.expire(clock.now())),
      clock.every(HEARTBEAT_MS, () => {
        if (counters.clientsConnected > 0) commits.heartbeat();
      }),
    ];
  }

  #publisher(): SystemTopicPublisher {
    return {
      publish: (message) => void publishMessage(this.#engine, message),
      publishTo: (clientId, message) => publishMessageTo(this.#engine, clientId, message),
    };
  }

  async #stop(): Promise<void> {
    const { options, commits } = this.#engine;
    const wasStarted = this.#state !== "new";
    this.#state = "stopping";
    // A start that is under way gives up at its next step; what it has started is stopped below.
    await this.#starting?.catch(() => {});
    for (const listener of this.listeners) await listener.stop();
    for (const service of this.#services) service.stop();
    for (const connection of [...this.#connections.values()]) {
      connection.disconnect({
        reasonCode: ReasonCode.ServerShuttingDown,
        reason: "the broker shuts down",
        byClient: false,
        withWill: true,
      });
    }
    await this.#drain();
    for (const cancel of this.#cancels) cancel();
    if (wasStarted) {
      await commits.close();
      await options.store.close();
    }
    this.#state = "stopped";
  }

  async #drain(): Promise<void> {
    const { clock } = this.#engine.options;
    const until = clock.monotonic() + DRAIN_MS;
    while (this.#connections.size > 0 && clock.monotonic() < until) {
      await new Promise<void>((resolve) => clock.after(DRAIN_POLL_MS, resolve));
    }
    for (const connection of [...this.#connections.values()]) connection.destroy();
  }

  #requireState(state: Broker["state"], what: string): void {
    if (this.#state === state) return;
    throw new BrokerError("DUNLIN_STATE", `cannot ${what} on a broker that is ${this.#state}`);
  }
}
