import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { outputOf, runChild } from "./run-child.ts";

test("a million queued messages of 100 bytes for one offline session leave the process under 200 MB", async () => {
  const folder = mkdtempSync(join(tmpdir(), "dunlin-million-"));
  try {
    const results = JSON.parse(await outputOf(runChild("./million-child.ts", [join(folder, "store")])));
    expect(results.queuedMessages).toBe(1_000_000);
    expect(results.rssMegabytes).toBeLessThan(200);
    // Of processor time, which other tests on the same machine hardly change; 150,000 messages a second are 6.7.
    expect(results.cpuMicrosecondsPerMessage).toBeLessThan(6);
  } finally {
    rmSync(folder, { recursive: true });
  }
}, 120_000);
