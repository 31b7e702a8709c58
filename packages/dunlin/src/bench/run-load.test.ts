import { type BrokerOptions, createBroker, tcpListener } from "@dunlin/broker";
import { describe, expect, it } from "vitest";
import { parseOptions } from "../command-line/parse-options.ts";
import { PropertyArguments } from "../command-line/property-arguments.ts";
import { benchSpec } from "./bench-options.ts";
import { benchPlan } from "./bench-plan.ts";
import type { LoadMode } from "./load-plan.ts";
import type { LoadResult } from "./load-result.ts";
import { runLoad } from "./run-load.ts";

async function bench(mode: LoadMode, args: string, options: BrokerOptions = {}): Promise<LoadResult> {
  const listener = tcpListener({ port: 0 });
  await using broker = createBroker({ ...options, listeners: [listener], sysIntervalSeconds: 0 });
  await broker.start();
  const values = parseOptions(benchSpec, ["--url", listener.url, ...args.split(" ")]);
  const plan = await benchPlan(mode, values, new PropertyArguments());
  const signal = new AbortController().signal;
  return await runLoad(plan, { brokerPids: [], onSample: () => undefined, signal });
}

describe("a broker that keeps its promises", () => {
  it.each([
    ["pairs", "--pairs 5 -n 1003 -q 0", 1003],
    ["pairs", "--pairs 5 -n 1003 -q 1 -V 3.1.1", 1003],
    ["pairs", "--pairs 5 -n 1003 -q 2 --topics 3", 1003],
    ["pairs", "--pairs 5 -n 1000 -q 1 --offline", 1000],
    ["pairs", "--pairs 5 -n 1000 -q 2 --persistent --batch 1 -V 3.1.1", 1000],
    ["fan-in", "--publishers 10 --subscribers 2 -n 500 -q 1", 1000],
    ["fan-out", "--publishers 2 --subscribers 20 -n 100 -q 1", 2000],
    ["filters", "--publishers 3 --subscribers 4 --filters 20 -n 1000 -q 1", 1000],
    ["latency", "--pairs 5 -r 5000 -n 1000 -q 1", 1000],
    ["fan-in", "--publishers 5 -r 5000 -n 1000 -q 2", 1000],
  ] as const)("%s %s", async (mode, args, deliveries) => {
    const { counts, violations, latencyMicroseconds } = await bench(mode, args);
    expect(violations).toEqual([]);
    expect(counts).toMatchObject({
      delivered: deliveries,
      expected: deliveries,
      lost: 0,
      duplicated: 0,
      reordered: 0,
      foreign: 0,
    });
    expect(latencyMicroseconds.count).toBe(deliveries);
  });

  it("pub", async () => {
    const { counts, violations } = await bench("pub", "-c 5 -n 1000 -q 2");
    expect(violations).toEqual([]);
    expect(counts).toMatchObject({ sent: 1000, acknowledged: 1000, expected: 0 });
  });

  it("connect", async () => {
    const { counts, violations, latencyMicroseconds } = await bench("connect", "-c 20 -d 0 --subscribe");
    expect(violations).toEqual([]);
    expect(counts.ready).toBe(20);
    expect(latencyMicroseconds.count).toBe(20);
  });

  it("connects not faster than asked", async () => {
    const { setUpSeconds } = await bench("connect", "-c 20 -d 0 --ramp 100");
    expect(setUpSeconds).toBeGreaterThan(0.18);
  });
});

it("counts the time by which a publisher falls behind its schedule as latency", async () => {
  let calls = 0;
  const publishInterceptors = [
    {
      // The 50th message holds its publisher up, and so all that follow.
      async intercept() {
        if (++calls === 50) await new Promise((resolve) => setTimeout(resolve, 300));
        return { action: "pass" } as const;
      },
    },
  ];
  const { latencyMicroseconds } = await bench("latency", "--pairs 1 -r 1000 -n 400 -q 1 --window 1", {
    publishInterceptors,
  });
  // About 300 of 400 messages were due while the publisher waited.
  expect(latencyMicroseconds.p50).toBeGreaterThan(50_000);
  expect(latencyMicroseconds.maximum).toBeGreaterThan(250_000);
});

describe("a broker that breaks them", () => {
  it("loses a message of QoS 1", async () => {
    let calls = 0;
    const drop = { action: "drop", reason: "a test" } as const;
    const publishInterceptors = [
      { intercept: () => (++calls === 500 ? drop : ({ action: "pass" } as const)) },
    ];
    const { counts, violations } = await bench("pairs", "--pairs 5 -n 1000 -q 1", { publishInterceptors });
    expect(counts).toMatchObject({ lost: 1, delivered: 999, acknowledged: 1000 });
    expect(violations).toEqual(["1 messages of QoS 1 were lost"]);
  }, 30_000);

  it("delivers a message of QoS 2 twice", async () => {
    const listener = tcpListener({ port: 0 });
    let calls = 0;
    const publishInterceptors = [
      {
        intercept(message: { topicName: string; payload: Uint8Array }) {
          if (++calls === 50) void broker.publish({ ...message, payload: message.payload.slice(), qos: 2 });
          return { action: "pass" } as const;
        },
      },
    ];
    await using broker = createBroker({ listeners: [listener], publishInterceptors, sysIntervalSeconds: 0 });
    await broker.start();
    const values = parseOptions(benchSpec, ["--url", listener.url, "--pairs", "1", "-n", "100", "-q", "2"]);
    const plan = await benchPlan("pairs", values, new PropertyArguments());
    const signal = new AbortController().signal;
    const { violations, counts } = await runLoad(plan, {
      brokerPids: [],
      onSample: () => undefined,
      signal,
    });
    expect(counts).toMatchObject({ delivered: 100, duplicated: 1 });
    expect(violations).toEqual(["1 messages of QoS 2 came twice"]);
  });

  it("refuses messages", async () => {
    const refusal = { action: "reject", reasonCode: 0x87 } as const;
    const publishInterceptors = [{ intercept: () => refusal }];
    const { counts } = await bench("pub", "-c 2 -n 100 -q 2", { publishInterceptors });
    expect(counts.refused).toBe(100);
  });
});

it("says so where nothing listens", async () => {
  const values = parseOptions(benchSpec, ["--url", "mqtt://127.0.0.1:1"]);
  const plan = await benchPlan("pairs", values, new PropertyArguments());
  const options = { brokerPids: [], onSample: () => undefined, signal: new AbortController().signal };
  await expect(runLoad(plan, options)).rejects.toThrow("cannot connect: connect ECONNREFUSED");
});
