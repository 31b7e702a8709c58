import { type Broker, type BrokerOptions, createBroker, createMemoryStore, type Store } from "@dunlin/broker";
import type { ConnackPacket, ConnectPacket, ProtocolVersion } from "@dunlin/protocol";
import { FakeClock } from "./fake-clock.ts";
import { createMemoryListener, type MemoryListener, type MemoryStreamOptions } from "./memory-byte-stream.ts";
import { MemoryClient } from "./memory-client.ts";
import { settled } from "./settled.ts";
import { UnreliableStore } from "./unreliable-store.ts";

export type VirtualBrokerOptions = Omit<BrokerOptions, "clock" | "store" | "listeners"> & {
  /** Default: one without limits of its own. */
  readonly listeners?: readonly MemoryListener[];
  readonly store?: Store;
};

export interface VirtualConnectOptions extends Partial<Omit<ConnectPacket, "type">> {
  readonly stream?: Omit<MemoryStreamOptions, "listener" | "clock">;
  readonly listener?: MemoryListener;
}

/** Steps in which `advance` lets time pass; between two, all that can happen does. */
const STEPS = 500;
const SHORTEST_STEP_MS = 100;
const STOP_STEP_MS = 20;

/** A broker on memory transport, a store that outlives it, and a clock that the test moves. */
export class VirtualBroker {
  readonly clock: FakeClock;
  readonly listeners: readonly MemoryListener[];
  readonly #options: VirtualBrokerOptions;
  readonly #data: Store;
  #clients: MemoryClient[] = [];
  store: UnreliableStore;
  broker: Broker;
  /** The answer to the last CONNECT. */
  connack: ConnackPacket | undefined;

  /** Not started; `$SYS` topics are off unless asked for. */
  constructor(options: VirtualBrokerOptions = {}, clock: FakeClock = new FakeClock()) {
    this.clock = clock;
    this.listeners = options.listeners ?? [createMemoryListener()];
    this.#options = { sysIntervalSeconds: 0, ...options };
    this.#data = options.store ?? createMemoryStore();
    this.store = new UnreliableStore(this.#data);
    this.broker = this.#create();
  }

  static async start(options: VirtualBrokerOptions = {}, clock?: FakeClock): Promise<VirtualBroker> {
    const virtual = new VirtualBroker(options, clock);
    await virtual.broker.start();
    return virtual;
  }

  /** A client that has not said anything. */
  open(version: ProtocolVersion = 5, options: VirtualConnectOptions = {}): MemoryClient {
    const listener = options.listener ?? (this.listeners[0] as MemoryListener);
    const client = new MemoryClient(listener.connect({ ...options.stream, clock: this.clock }), version);
    this.#clients.push(client);
    return client;
  }

  /** A client that has been accepted or refused: see `connack`. */
  async connect(clientId: string, options: VirtualConnectOptions = {}): Promise<MemoryClient> {
    const { stream: _stream, listener: _listener, ...fields } = options;
    const client = this.open(options.protocolVersion ?? 5, options);
    this.connack = await client.connect({ clientId, ...fields });
    return client;
  }

  /** Lets time pass. */
  async advance(ms: number): Promise<void> {
    const step = Math.max(SHORTEST_STEP_MS, Math.ceil(ms / STEPS));
    await settled();
    for (let passed = 0; passed < ms; passed += step) {
      this.clock.advance(Math.min(step, ms - passed));
      await settled();
    }
  }

  async stop(): Promise<void> {
    let state: "stopping" | "stopped" = "stopping";
    const stopped = this.broker.stop().finally(() => {
      state = "stopped";
    });
    await settled();
    while (state === "stopping") {
      this.clock.advance(STOP_STEP_MS);
      await settled();
    }
    await stopped;
  }

  /** Stops the broker and starts another on what is stored. */
  async restart(): Promise<void> {
    await this.stop();
    await this.#startAgain();
  }

  /** The process ends between two instructions: what is not stored is lost. `downMs`: until the next one starts. */
  async crash(downMs = 0): Promise<void> {
    this.store.lose();
    for (const client of this.#clients) client.stream.cut();
    await settled();
    await this.advance(downMs);
    await this.#startAgain();
  }

  async #startAgain(): Promise<void> {
    this.#clients = [];
    this.store = new UnreliableStore(this.#data);
    this.broker = this.#create();
    await this.broker.start();
  }

  #create(): Broker {
    const { clock, listeners, store } = this;
    return createBroker({ ...this.#options, clock, listeners, store });
  }
}
