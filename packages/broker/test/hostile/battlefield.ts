import type { BrokerLimits } from "@dunlin/broker";
import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest";
import { AttackedBroker } from "./attacked-broker.ts";
import { RawClient } from "./raw-client.ts";

const MEBIBYTE = 1024 * 1024;
/** With room for the garbage between two collections. */
const ALLOWED_BYTES = 300 * MEBIBYTE;
const ALLOWED_MS = 2000;
/** DUNLIN_HOSTILE_SECONDS: how long each of the attacks that have no end of their own goes on. */
const SECONDS = Number(process.env["DUNLIN_HOSTILE_SECONDS"] ?? 1);

const LIMITS: Partial<BrokerLimits> = {
  memoryBudgetBytes: 32 * MEBIBYTE,
  maximumOutputBytes: MEBIBYTE,
  connectTimeoutMs: 1000,
  maximumSessions: 2000,
  maximumRetainedMessages: 1000,
  maximumQueuedMessages: 10_000,
  receiveMaximum: 100,
};

/** One broker for all attacks of a file. Whatever is done to it: others are served in time, and its memory is limited. */
export class Battlefield {
  /** Of the present attack; closed at its end. */
  readonly clients: RawClient[] = [];
  #broker: AttackedBroker | undefined;
  #before: Awaited<ReturnType<AttackedBroker["report"]>> | undefined;

  /** Tells the test runner what comes before and after. */
  constructor() {
    beforeAll(async () => {
      this.#broker = await AttackedBroker.start(LIMITS);
    });
    afterAll(() => this.#broker?.stop());
    beforeEach(async () => {
      this.broker.reset();
      this.#before = await this.broker.report();
    });
    afterEach(async () => {
      const { memoryBytes, latencyMs } = await this.broker.cost();
      for (const { socket } of this.clients.splice(0)) socket.destroy();
      expect(memoryBytes).toBeLessThan(ALLOWED_BYTES);
      expect(latencyMs).toBeLessThan(ALLOWED_MS);
    });
  }

  get broker(): AttackedBroker {
    return this.#broker as AttackedBroker;
  }

  /** Clients that have been accepted. */
  async connect(count: number, name: string): Promise<RawClient[]> {
    for (let index = 0; index < count; index++) {
      this.clients.push(await RawClient.connected(this.broker.tcpUrl, `${name}${index}`));
    }
    return this.clients;
  }

  /** Connections that have not said anything. */
  async open(count: number): Promise<RawClient[]> {
    for (let index = 0; index < count; index++) this.clients.push(await RawClient.open(this.broker.tcpUrl));
    return this.clients;
  }

  /** Resolves once a limit has bitten so often in this test. */
  async bitten(limit: keyof BrokerLimits, times: number): Promise<void> {
    for (;;) {
      const { limits } = await this.broker.report();
      if ((limits[limit] ?? 0) - (this.#before?.limits[limit] ?? 0) >= times) return;
      await pause(50);
    }
  }

  /** What a counter has grown by in this test. */
  async counted(counter: string): Promise<number> {
    const { counters } = await this.broker.report();
    return (counters[counter] ?? 0) - (this.#before?.counters[counter] ?? 0);
  }

  /** Does something over and over, for `seconds` or as many times as long. */
  async keepOn(seconds: number, act: (round: number) => Promise<unknown> | void): Promise<void> {
    const end = performance.now() + seconds * SECONDS * 1000;
    for (let round = 0; performance.now() < end; round++) {
      await act(round);
      await pause(1);
    }
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
