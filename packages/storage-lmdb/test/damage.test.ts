import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Logger, silentLogger } from "@dunlin/broker";
import { createLmdbStore } from "@dunlin/storage-lmdb";
import {
  commitGroup,
  deliveryState,
  inboxAppend,
  indexes,
  type RecoveredStore,
  recoverAll,
  sessionRecord,
  subscriptionRecord,
} from "@dunlin/test-kit";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { walkDataFile } from "../src/data-file.ts";
import { subscriptionKey, topicKey } from "../src/keys.ts";

const sessions = indexes(20).map((index) => index + 1);
const topics = indexes(200).map((index) => `topic/${index}`);

let folder: string;
let path: string;
let dataFile: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "dunlin-damage-"));
  path = join(folder, "store");
  dataFile = join(path, "data.mdb");
  await fillStore();
});
afterEach(() => rmSync(folder, { recursive: true }));

/** 20 sessions with 60 messages each, of which 10 are acknowledged, and 200 retained messages. */
async function fillStore(): Promise<void> {
  const store = createLmdbStore({ path, durability: "os" });
  await recoverAll(store);
  await store.commit(
    commitGroup({
      sessions: new Map(sessions.map((number) => [number, sessionRecord(number)])),
      subscriptions: new Map(sessions.map((n) => [n, new Map([["a/#", subscriptionRecord("a/#")]])])),
      retained: new Map(topics.map((topic) => [topic, Buffer.from(`retained body of ${topic}.`)])),
    }),
  );
  for (const round of indexes(6)) {
    const bodies = indexes(10).map(
      (index) => `queued body ${round * 10 + index}. ${"x".repeat(1000 * index)}`,
    );
    const inboxes = new Map(sessions.map((number) => [number, inboxAppend(round * 10, indexes(10))]));
    await store.commit(commitGroup({ bodies, inboxes }));
  }
  const state = deliveryState({ firstUnacknowledged: 10, sentBefore: 10 });
  await store.commit(commitGroup({ deliveryStates: new Map(sessions.map((number) => [number, state])) }));
  await store.close();
}

/** Changes a byte in every place of the data file where `text` stands: pages that are out of use may hold it too. */
function damageText(text: string): void {
  const bytes = readFileSync(dataFile);
  let places = 0;
  for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1)) {
    bytes.writeUInt8(bytes.readUInt8(at + 2) ^ 0x10, at + 2);
    places++;
  }
  expect(places).toBeGreaterThan(0);
  writeFileSync(dataFile, bytes);
}

async function recoverOnce(logger: Logger = silentLogger): Promise<RecoveredStore & { inbox: string[] }> {
  const store = createLmdbStore({ path, logger });
  const recovered = await recoverAll(store);
  const messages = await store.readInbox(7, 0, 1000, 1e9);
  await store.close();
  return { ...recovered, inbox: messages.map(({ sequence, body }) => `${sequence}:${body.length}`) };
}

function quarantinedRecords(): number {
  let records = 0;
  walkDataFile(dataFile, ({ database }) => {
    if (database === "quarantine") records++;
  });
  return records;
}

describe("a damaged record", () => {
  test("of a retained message is set aside and told once; all others survive", async () => {
    damageText("retained body of topic/42.");
    const { retained, sessions: found, summary, inbox } = await recoverOnce();
    expect(summary.quarantined).toEqual([
      `${dataFile}: a retained message (retained/${topicKey("topic/42").toString("hex")}) is damaged and was set aside: publish it again`,
    ]);
    expect([...retained.keys()].sort()).toEqual(topics.filter((topic) => topic !== "topic/42").sort());
    expect([found.size, inbox.length]).toEqual([20, 50]);
    expect(quarantinedRecords()).toBe(1);
    expect((await recoverOnce()).summary.quarantined).toEqual([]);
    expect(quarantinedRecords()).toBe(1);
  });

  test("of a session takes the session's other records into the quarantine", async () => {
    damageText("client-7");
    const { sessions: found, summary } = await recoverOnce();
    expect(summary.quarantined).toEqual([
      `${dataFile}: the record of session 7 (sessions/00000000000701) is damaged and was set aside: its client begins a new session`,
    ]);
    expect([...found.keys()].sort()).toEqual(sessions.filter((number) => number !== 7).sort());
    // Its record, its subscription, its delivery state, and the runs of its inbox.
    expect(quarantinedRecords()).toBeGreaterThanOrEqual(4);
    expect((await recoverOnce()).summary.quarantined).toEqual([]);
  });

  test("of a subscription leaves its session as it is", async () => {
    damageText("a/#");
    const { sessions: found, summary, inbox } = await recoverOnce();
    expect(summary.quarantined).toHaveLength(20);
    expect(summary.quarantined).toContain(
      `${dataFile}: a subscription of session 7 (sessions/${subscriptionKey(7, "a/#").toString("hex")}) is damaged and was set aside: its client has to subscribe again`,
    );
    expect([found.size, found.get(7)?.subscriptions.length, inbox.length]).toEqual([20, 0, 50]);
  });

  test("of message bodies is logged once when it is read, and skipped", async () => {
    damageText("queued body 33.");
    const errors: string[] = [];
    const { summary, inbox } = await recoverOnce({
      ...silentLogger,
      error: (_, message) => errors.push(message),
    });
    expect(summary.quarantined).toEqual([]);
    expect(errors).toEqual([expect.stringMatching(/message batch \d+ .*damaged: its messages are skipped/)]);
    // The whole batch is lost, for one checksum covers it.
    const lost = indexes(50).filter((index) => !inbox.some((found) => found.startsWith(`${index + 10}:`)));
    expect(lost).toContain(33 - 10);
    expect(lost.length).toBeLessThanOrEqual(10);
    // It leaves with the messages around it, but not without a trace.
    const store = createLmdbStore({ path });
    await recoverAll(store);
    await store.readInbox(7, 0, 1000, 1e9);
    await store.commit(commitGroup({ sessions: new Map(sessions.map((number) => [number, null])) }));
    await store.close();
    expect(quarantinedRecords()).toBe(1);
  });
});

describe("a damaged data file", () => {
  async function expectRebuilt(): Promise<RecoveredStore> {
    const recovered = await recoverOnce();
    const line = recovered.summary.quarantined[0];
    expect(line).toMatch(
      /data\.mdb was damaged \(.*\): what could be read was kept, the damaged file is now /,
    );
    expect(existsSync(join(path, line?.split("is now ")[1] ?? ""))).toBe(true);
    expect((await recoverOnce()).summary.quarantined).toEqual([]);
    return recovered;
  }

  test("that was cut off is replaced by what could be read of it", async () => {
    const whole = readFileSync(dataFile).length;
    truncateSync(dataFile, Math.floor(whole / 2));
    await expectRebuilt();
  });

  test("whose first page was overwritten is read from its second", async () => {
    const bytes = readFileSync(dataFile);
    writeFileSync(dataFile, bytes.fill(0xaa, 0, 4096));
    const { sessions: found, retained } = await expectRebuilt();
    // The second page may be one transaction older.
    expect([found.size, retained.size]).toEqual([20, 200]);
  });

  test("that is something else altogether leaves an empty store, and stays", async () => {
    writeFileSync(dataFile, "x".repeat(100_000));
    const { sessions: found } = await expectRebuilt();
    expect(found.size).toBe(0);
  });

  test("that is missing is reported", async () => {
    rmSync(dataFile);
    expect((await recoverOnce()).summary.quarantined).toEqual([
      `${path}/data.mdb was missing: the store starts empty`,
    ]);
  });

  test("of an unknown LMDB format is refused and left as it is", async () => {
    const bytes = readFileSync(dataFile);
    for (const meta of [0, 4096]) bytes.writeUInt32LE(3, meta + 28);
    writeFileSync(dataFile, bytes);
    await expect(recoverOnce()).rejects.toThrow(/LMDB data format 3; this version reads 2: use the version/);
    expect(readFileSync(dataFile).equals(bytes)).toBe(true);
  });

  test("whose rebuilding was interrupted is rebuilt again", async () => {
    truncateSync(dataFile, 100_000);
    const damaged = readFileSync(dataFile);
    await expectRebuilt();
    const rebuilt = readFileSync(dataFile);
    // Killed between the two renames: the damaged file is out of the way, the new one not yet in its place.
    mkdirSync(join(path, "rebuild"));
    renameSync(dataFile, join(path, "rebuild", "data.mdb"));
    expect((await recoverOnce()).summary.quarantined).toEqual([]);
    expect(readFileSync(dataFile).length).toBe(rebuilt.length);
    // Killed while it copied: the damaged file is still in its place.
    writeFileSync(dataFile, damaged);
    mkdirSync(join(path, "rebuild"));
    writeFileSync(join(path, "rebuild", "data.mdb"), "half");
    await expectRebuilt();
    expect(readdirSync(path)).not.toContain("rebuild");
  });
});

test("any damage ends neither the process nor the store, and makes nothing up", async () => {
  const original = join(folder, "original.mdb");
  copyFileSync(dataFile, original);
  const before = await recoverOnce();
  let seed = 1;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return (seed >>> 8) % below;
  };
  for (const round of indexes(150)) {
    const bytes = readFileSync(original);
    const pages = bytes.length / 4096;
    if (round % 3 === 0) for (const _ of indexes(1 + random(20))) bytes[random(bytes.length)] = random(256);
    // Where LMDB keeps its own numbers: headers and offsets of pages, the first two pages above all.
    if (round % 3 === 1) for (const _ of indexes(4)) bytes[random(pages) * 4096 + random(100)] = random(256);
    if (round % 3 === 2) bytes.copyWithin(random(pages) * 4096, random(pages) * 4096, (1 + random(3)) * 4096);
    if (round % 5 === 4) bytes.fill(random(256), random(2) * 4096 + random(200), random(2) * 4096 + 200);
    writeFileSync(dataFile, round % 10 === 9 ? bytes.subarray(0, random(bytes.length)) : bytes);
    const store = createLmdbStore({ path, durability: "os" });
    const found = await recoverAll(store);
    for (const [topic, body] of found.retained) expect(body).toBe(before.retained.get(topic));
    for (const [number, session] of found.sessions) {
      expect(session.record).toEqual(before.sessions.get(number)?.record);
      for (const { sequence, body } of await store.readInbox(number, 0, 1000, 1e9)) {
        expect(Buffer.from(body.subarray(0, 15)).toString()).toMatch(`queued body ${sequence}`);
      }
    }
    await store.commit(
      commitGroup({ retained: new Map(topics.map((topic) => [topic, Buffer.from("new")])) }),
    );
    await store.close();
    expect((await recoverOnce()).retained.get("topic/1")).toBe("new");
  }
}, 120_000);
