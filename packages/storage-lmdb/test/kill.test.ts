import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { createLmdbStore } from "@dunlin/storage-lmdb";
import { recoverAll } from "@dunlin/test-kit";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runChild } from "./run-child.ts";

const rounds = 4;
const groupsPerRound = 150;
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dunlin-kill-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Kills the process -9 once it has acknowledged some groups; returns the number of the last one. */
async function killAmongCommits(path: string, durability: string): Promise<number> {
  const child = runChild("./kill-child.ts", [path, durability]);
  const closed = new Promise((done) => child.on("close", done));
  let acknowledged = -1;
  let groups = 0;
  for await (const line of createInterface({ input: child.stdout! })) {
    acknowledged = Number(line);
    groups++;
    if (groups === groupsPerRound) child.kill("SIGKILL");
  }
  await closed;
  return acknowledged;
}

test.each(["disk", "os"] as const)(
  "durability %s: kill -9 loses no acknowledged group and splits none",
  async (durability) => {
    const path = join(folder, "store");
    for (let round = 0; round < rounds; round++) {
      const acknowledged = await killAmongCommits(path, durability);
      const store = createLmdbStore({ path, durability });
      const { sessions, retained, summary } = await recoverAll(store);
      const last = Number(retained.get("last group"));
      expect(last).toBeGreaterThanOrEqual(acknowledged);
      expect(last).toBeGreaterThanOrEqual((round + 1) * groupsPerRound - 1);
      expect(summary).toEqual({ nextSessionNumber: 5, lastAliveAtMs: last, quarantined: [] });
      for (const sessionNumber of [1, 2, 3]) {
        const session = sessions.get(sessionNumber);
        expect(session).toMatchObject({ nextSequence: last + 1, queuedMessages: last + 1 });
        expect(session?.record.userName).toBe(`user of group ${last}`);
        const messages = await store.readInbox(sessionNumber, 0, 1e6, 1e9);
        const bodies = messages.map(({ body }) => Buffer.from(body).toString());
        expect(bodies).toEqual(Array.from({ length: last + 1 }, (_, group) => `message ${group}`));
      }
      expect(sessions.get(4)).toMatchObject({
        nextSequence: last + 1,
        queuedMessages: Math.min(5, last + 1),
      });
      expect(await store.readInbox(4, 0, 1e6, 1e9)).toHaveLength(Math.min(5, last + 1));
      await store.close();
    }
  },
  120_000,
);
