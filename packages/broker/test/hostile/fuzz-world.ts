import type { AuthenticationMethod } from "@dunlin/broker";
import { type ProtocolVersion, ReasonCode } from "@dunlin/protocol";
import {
  createMemoryListener,
  FakeClock,
  type MemoryByteStream,
  settled,
  UnreliableStore,
} from "@dunlin/test-kit";
import { expect } from "vitest";
import { Connections } from "../../src/connection/connections.ts";
import { Engine } from "../../src/delivery/engine.ts";
import { recover } from "../../src/delivery/recover.ts";
import { resolveOptions } from "../../src/options.ts";
import { createMemoryStore } from "../../src/storage/memory-store.ts";
import type { Dice } from "./dice.ts";
import { anyConnect, anyPacket, mutated } from "./packet-grammar.ts";

const MAXIMUM_PACKET_SIZE = 4000;
/** Low, so that each is reached now and then. */
const LIMITS = {
  maximumPacketSize: MAXIMUM_PACKET_SIZE,
  maximumConnectPacketSize: MAXIMUM_PACKET_SIZE,
  maximumSessionExpiryIntervalSeconds: 60,
  maximumOutputBytes: 6000,
  maximumQueuedMessages: 10,
  maximumInflight: 5,
  receiveMaximum: 4,
  topicAliasMaximum: 2,
  maximumTopicLength: 64,
  maximumTopicLevels: 8,
  maximumCachedTopics: 4,
  maximumRetainedMessages: 3,
  maximumSubscriptionsPerSession: 5,
  maximumPendingCommitBytes: 5000,
};

const PINGREQ = [0xc0, 0];
/** So many are swallowed by the longest packet that may have been begun. */
const PINGS = Uint8Array.from({ length: MAXIMUM_PACKET_SIZE + 2 }, (_, index) => PINGREQ[index % 2] ?? 0);

/** Accepts "right", refuses "wrong", asks on at anything else. */
const challenge: AuthenticationMethod = {
  name: "challenge",
  begin: () => ({
    step(data) {
      const answer = Buffer.from(data ?? "").toString();
      if (answer === "right") return { outcome: "accepted" };
      if (answer === "wrong") return { outcome: "refused", reasonCode: ReasonCode.NotAuthorized };
      return Promise.resolve({ outcome: "continue" } as const);
    },
  }),
};

/** The client's end; it understands nothing of what it is told. */
class FuzzClient {
  version: ProtocolVersion = 5;
  readonly stream: MemoryByteStream;
  state: "open" | "closed" = "open";
  receivedBytes = 0;

  constructor(stream: MemoryByteStream) {
    this.stream = stream;
    stream.start(this);
  }

  onBytes(_bytes: Uint8Array, start: number, end: number): void {
    this.receivedBytes += end - start;
  }

  onDrained(): void {}

  onClosed(): void {
    this.state = "closed";
  }

  send(bytes: Uint8Array): void {
    this.stream.write(bytes, 0, bytes.length);
  }
}

/** A broker without a network, and clients that do to it what the dice say. */
export class FuzzWorld {
  readonly #dice: Dice;
  readonly #clock = new FakeClock();
  readonly #store = new UnreliableStore(createMemoryStore());
  readonly #engine: Engine;
  readonly #connections: Connections;
  readonly #listener = createMemoryListener();
  readonly #clients: FuzzClient[] = [];
  /** Of connections that were established and are no longer. */
  readonly #reasons: string[] = [];
  #established = 0;

  constructor(dice: Dice) {
    this.#dice = dice;
    const limits = { ...LIMITS, memoryBudgetBytes: dice.pick([2000, 8000, 1_000_000]) };
    const options = { limits, authenticationMethods: [challenge] };
    const platform = { clock: this.#clock, random: randomOf(dice), store: this.#store };
    this.#engine = new Engine(resolveOptions(options, platform));
    this.#connections = new Connections(this.#engine);
    this.#engine.events.on("clientConnected", () => this.#established++);
    this.#engine.events.on("clientDisconnected", ({ reason }) => this.#reasons.push(reason));
  }

  async run(steps: number): Promise<void> {
    await recover(this.#engine);
    await this.#listener.start((stream) => this.#connections.accept(stream));
    this.#clock.every(100, () => {
      this.#engine.wheel.advance(this.#clock.monotonic());
      this.#connections.makeRoom();
    });
    this.#open();
    this.#open();
    for (let step = 0; step < steps; step++) {
      this.#step();
      if (this.#dice.chance(2, 3)) await settled();
    }
    await this.#expectAnswers();
    await this.#expectNothingLeft();
  }

  #open(): void {
    const windowBytes = this.#dice.pick([500, 65_536]);
    const chunkSizes = this.#dice.pick([undefined, [1], [7, 300]]);
    const options = { windowBytes, ...(chunkSizes === undefined ? {} : { chunkSizes }) };
    const client = new FuzzClient(this.#listener.connect(options));
    client.version = this.#dice.pick([3, 4, 5, 5] as const);
    this.#clients.push(client);
    client.send(anyConnect(this.#dice, client.version));
  }

  #step(): void {
    const dice = this.#dice;
    const open = this.#clients.filter(({ state }) => state === "open");
    if (open.length < 2) return this.#open();
    const client = dice.pick(open);
    if (!dice.chance(1, 8)) {
      const packet = anyPacket(dice, client.version);
      return client.send(dice.chance(1, 60) ? mutated(dice, packet) : packet);
    }
    const disturb = dice.pick([
      () => client.stream.hold(),
      () => client.stream.release(),
      () => client.stream.cut(),
      () => client.stream.end(),
      () => this.#open(),
      () => this.#clock.advance(dice.pick([100, 5000, 30_000])),
      () => this.#store.wait(),
      () => this.#store.fail(),
      () => this.#store.work(),
    ]);
    disturb();
  }

  /** Whoever has not been closed is answered, once the network and the store work. */
  async #expectAnswers(): Promise<void> {
    this.#store.work();
    for (const client of this.#clients) client.stream.release();
    for (let second = 0; second < 15; second++) {
      this.#clock.advance(1000);
      await settled();
    }
    for (const client of this.#clients) {
      if (client.state === "closed") continue;
      const before = client.receivedBytes;
      client.send(PINGS);
      for (let turn = 0; turn < 20 && client.receivedBytes === before; turn++) await settled();
      if (client.state === "open") expect(client.receivedBytes).toBeGreaterThan(before);
    }
  }

  async #expectNothingLeft(): Promise<void> {
    const { counters, memory, sessions, router, topics } = this.#engine;
    for (const client of this.#clients) client.stream.cut();
    await settled();
    expect(this.#connections.size).toBe(0);
    expect(counters.clientsConnected).toBe(0);
    expect(this.#reasons).toHaveLength(this.#established);
    expect(this.#reasons).not.toContain("");
    expect(counters.limits.maximumSessions).toBe(0);
    this.#clock.advance(130_000);
    await settled();
    // What waits in a session that ends is passed on to others before it is deleted.
    this.#clock.advance(1000);
    await settled();
    expect([sessions.size, router.subscriptionCount, router.sharedGroupCount]).toEqual([0, 0, 0]);
    expect([memory.usedBytes, this.#engine.ends.stateMemory.usedBytes]).toEqual([0, 0]);
    expect(topics.size).toBeLessThanOrEqual(LIMITS.maximumCachedTopics);
  }
}

function randomOf(dice: Dice): { below(bound: number): number; hex(length: number): string } {
  return {
    below: (bound) => dice.below(bound),
    hex: (length) => Array.from({ length }, () => dice.below(16).toString(16)).join(""),
  };
}
