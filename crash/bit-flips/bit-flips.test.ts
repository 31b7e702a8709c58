import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { flipBits } from "./bit-flips.ts";

test("a broker starts whatever bit of its data file has turned, and says what it has lost", async () => {
  const folder = mkdtempSync(join(tmpdir(), "dunlin-flip-"));
  try {
    const { violations, outcomes } = await flipBits({ folder, seed: 1, flips: 12 });
    expect(violations).toEqual([]);
    expect(outcomes.reported + outcomes["without effect"]).toBe(12);
    expect(outcomes.reported).toBeGreaterThan(0);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 120_000);
