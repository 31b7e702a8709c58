import { expect, test } from "vitest";
import { killBrokers } from "./kills.ts";

test.each([
  ["disk", 1, 30],
  ["os", 2, 10],
] as const)(
  "durability %s: what is acknowledged survives kill -9 (seed %i, %i kills)",
  async (durability, seed, kills) => {
    const { violations, outcomes, acknowledged } = await killBrokers({ seed, kills, durability });
    expect(violations).toEqual([]);
    expect(outcomes).toHaveLength(kills);
    expect(acknowledged).toBeGreaterThan(kills * 10);
  },
  300_000,
);
