import { readFileSync } from "node:fs";
import { VirtualBroker } from "@dunlin/test-kit";
import { describe, expect, test } from "vitest";
import { type BrokerLimits, defaultLimits } from "../src/index.ts";
import { brokerLimitCases } from "./broker-limit-cases.ts";
import { connectionLimitCases } from "./connection-limit-cases.ts";

const names = Object.keys(defaultLimits) as (keyof BrokerLimits)[];
const cases = { ...connectionLimitCases, ...brokerLimitCases };

describe("every limit", () => {
  test.each(names)("%s bites, and counts that it does", async (name) => {
    const { limit, scenario, limited } = cases[name];
    const virtual = await VirtualBroker.start({ limits: { [name]: limit } });
    expect(await scenario(virtual)).toEqual(limited);
    expect(virtual.broker.counters.limits[name]).toBeGreaterThan(0);
    await virtual.stop();
  });

  test.each(names)("%s leaves alone what is below its default", async (name) => {
    const { scenario, free } = cases[name];
    const virtual = await VirtualBroker.start();
    expect(await scenario(virtual)).toEqual(free);
    expect(virtual.broker.counters.limits[name]).toBe(0);
    await virtual.stop();
  });
});

describe("docs/limits.md", () => {
  const document = readFileSync(new URL("../../../docs/limits.md", import.meta.url), "utf8");
  const rows = document.split("\n").filter((line) => line.startsWith("| `"));

  test.each(names)("tells of %s with its default", (name) => {
    const [row] = rows.filter((line) => line.startsWith(`| \`${name}\` |`));
    expect(row?.split("|")[2]?.trim()).toBe(defaultLimits[name].toLocaleString("en-US"));
  });

  test("tells of no other", () => {
    expect(rows.map((row) => row.split("`")[1]).sort()).toEqual([...names].sort());
  });
});
