import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { skippedWithout } from "@dunlin/test-kit";
import { expect, test } from "vitest";
import { outputOf, runChild } from "./run-child.ts";

/** In units of 512 or 1024 bytes, as the shell likes. */
const limitFileSize = "ulimit -f 4000";
const missingUlimit = process.platform === "win32" ? "Windows has no ulimit" : undefined;

test("a full disk fails the commit with DUNLIN_STORE and nothing of it; it succeeds once there is room", {
  ...skippedWithout(missingUlimit),
  timeout: 60_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), "dunlin-full-"));
  try {
    const child = runChild("./full-disk-child.ts", [join(folder, "store")], limitFileSize);
    const results = JSON.parse(await outputOf(child));
    expect(results.failures).toHaveLength(4);
    for (const failure of results.failures) {
      expect(failure.code).toBe("DUNLIN_STORE");
      expect(failure.message).toContain(`${folder}/store cannot be written`);
    }
    const { stored } = results;
    expect(stored).toBeGreaterThan(50);
    expect(results.queuedWhenFull).toBe(stored);
    expect(results.queued).toEqual(Array.from({ length: 20 }, (_, index) => stored - 10 + index));
    expect(results).toMatchObject({
      retained: String(stored),
      queuedAfterReopening: 20,
      quarantined: [],
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
