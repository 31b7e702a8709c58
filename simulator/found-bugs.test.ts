import { expect, it } from "vitest";
import type { Scenario, Step } from "./scenario.ts";
import { play } from "./world.ts";

const connect = {
  does: "connect",
  afterMs: 20,
  cleanStart: false,
  expirySeconds: 0xffffffff,
  keepAliveSeconds: 0,
  receiveMaximum: 100,
  topicAliasMaximum: 0,
  will: undefined,
  pace: "prompt",
  delayMs: 0,
  pieceBytes: 100_000,
  windowBytes: 65_536,
  seed: 1,
} as const;

const subscribe = {
  does: "subscribe",
  afterMs: 20,
  qos: 2,
  noLocal: false,
  retainAsPublished: false,
  retainHandling: 0,
  subscriptionIdentifier: 0,
} as const;

const publish = {
  does: "publish",
  client: "c0",
  retain: false,
  clears: false,
  expirySeconds: undefined,
  bytes: 0,
} as const;

function scenario(seed: number, steps: readonly Step[]): Scenario {
  const clients = ["c0", "c1", "c2"].map((clientId, index) => ({
    clientId,
    version: 5 as const,
    seed: index,
  }));
  const limits = { maximumInflight: 100, receiveMaximum: 100, maximumPendingCommitBytes: 1_000_000 };
  return { seed, durability: "disk", storeDelayMs: 3, ...limits, clients, steps };
}

// What an ended member left was given to others in one group, and forgotten in another: a crash between gave it twice.
it("passes a shared message on once, though the broker crashes meanwhile", async () => {
  const goodbye = { does: "disconnect", afterMs: 50, withWill: false, endsSession: false } as const;
  for (const at of ["before write", "after write", "before acknowledgement"] as const) {
    for (let nth = 1; nth <= 8; nth++) {
      const steps: Step[] = [
        ...["c0", "c1", "c2"].map((client) => ({ ...connect, client })),
        ...["c1", "c2"].map((client) => ({ ...subscribe, client, topicFilter: "$share/g/s/#" })),
        { ...subscribe, client: "c2", topicFilter: "t/#" },
        ...["c1", "c2"].map((client) => ({ ...goodbye, client })),
        { ...publish, afterMs: 50, topicName: "s/0", qos: 2, count: 6 },
        { does: "crash", afterMs: 300, what: "kill", at, nth, downMs: 10 },
        { ...connect, client: "c1", cleanStart: true, afterMs: 0 },
        // What keeps groups coming.
        ...Array.from(
          { length: 12 },
          () => ({ ...publish, afterMs: 1, topicName: "t/0", qos: 1, count: 1 }) as const,
        ),
        { ...connect, client: "c2", afterMs: 400 },
      ];
      for (const seed of [1, 4]) {
        expect((await play(scenario(seed, steps))).violations, `${at} ${nth}, seed ${seed}`).toEqual([]);
      }
    }
  }
});
