import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { whyNotTraced } from "../broker-process.ts";
import { runPowerLosses } from "./power-loss.ts";

let folder: string;

beforeEach((context) => {
  const reason = whyNotTraced();
  if (reason !== undefined) context.skip(reason);
  folder = mkdtempSync(join(tmpdir(), "dunlin-power-"));
});
afterEach(() => {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

test("durability disk: what is acknowledged survives a power loss", async () => {
  const { violations, tried } = await runPowerLosses({ folder, seed: 1, losses: 12, messages: 150 });
  expect(violations).toEqual([]);
  expect(tried).toBe(12);
}, 120_000);

test("durability os: a power loss leaves some earlier state, and a broker that starts", async () => {
  const weaker = { durability: "os", survives: "some" } as const;
  const { violations, tried } = await runPowerLosses({
    folder,
    seed: 2,
    losses: 8,
    messages: 150,
    ...weaker,
  });
  expect(violations).toEqual([]);
  expect(tried).toBe(8);
}, 120_000);

test.each([
  ["durability os held to the promise of disk is found out", { durability: "os" }],
  ["a store that acknowledges before it stores is found out", { plant: "acknowledges before it stores" }],
] as const)(
  "%s",
  async (_title, weakness) => {
    const { violations } = await runPowerLosses({
      ...{ folder, seed: 1, losses: 40, messages: 150, patienceMs: 3000 },
      ...weakness,
    });
    // Not that somebody waits in vain: a slow machine can do that as well.
    expect(violations.join("\n")).toMatch(/: (lost|wrong retained message|QoS 2 message twice|invented)/);
  },
  120_000,
);
