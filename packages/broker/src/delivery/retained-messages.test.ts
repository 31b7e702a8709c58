import { FakeClock, settled, UnreliableStore } from "@dunlin/test-kit";
import { beforeEach, describe, expect, test } from "vitest";
import { Arena } from "../arena.ts";
import { Counters } from "../counters.ts";
import { defaultLimits } from "../options.ts";
import { silentLogger } from "../ports/logger.ts";
import { TopicTable } from "../routing/topic-table.ts";
import type { Session } from "../session/session.ts";
import { createMemoryStore } from "../storage/memory-store.ts";
import { GroupCommit } from "./group-commit.ts";
import { Publication } from "./publication.ts";
import { RetainedMessages } from "./retained-messages.ts";

describe("RetainedMessages", () => {
  const topics = new TopicTable<Session>(defaultLimits);
  let clock: FakeClock;
  let store: UnreliableStore;
  let counters: Counters;
  let commits: GroupCommit;
  let retained: RetainedMessages;

  function publication(topicName: string, payload: string, expirySeconds?: number): Publication {
    const made = new Publication(new Arena(), () => clock.now());
    const properties = expirySeconds === undefined ? {} : { messageExpiryIntervalSeconds: expirySeconds };
    const message = { topicName, payload: Buffer.from(payload), qos: 0, retain: true, properties } as const;
    made.setMessage(message, topics.internName(topicName), null);
    return made;
  }

  /** Puts where it may. */
  function put(topicName: string, payload: string, expirySeconds?: number): boolean {
    const message = publication(topicName, payload, expirySeconds);
    const admitted = retained.admits(message);
    if (admitted) retained.put(message);
    return admitted;
  }

  function matching(topicFilter: string): string[] {
    const found: string[] = [];
    retained.search(topicFilter).next(1000, ({ topicName }) => found.push(topicName));
    return found;
  }

  async function storedTopics(): Promise<string[]> {
    await commits.stored();
    const found: string[] = [];
    await store.open({ session() {}, retained: (topicName) => found.push(topicName) });
    return found.sort();
  }

  beforeEach(async () => {
    clock = new FakeClock();
    store = new UnreliableStore(createMemoryStore());
    await store.open({ session() {}, retained() {} });
    counters = new Counters();
    commits = new GroupCommit(store, clock, counters, silentLogger);
    const limits = { ...defaultLimits, maximumRetainedMessages: 3, maximumRetainedBytes: 100 };
    retained = new RetainedMessages(limits, counters, commits);
  });

  test("keeps the last message of each topic; an empty one removes it", async () => {
    put("a/1", "old");
    put("a/1", "new");
    put("a/2", "x");
    put("b", "y");
    put("b", "");
    put("never", "");
    expect([retained.size, matching("a/+").sort(), matching("#").length]).toEqual([2, ["a/1", "a/2"], 2]);
    expect(Buffer.from(retained.get("a/1")?.body ?? []).toString()).toContain("new");
    expect(await storedTopics()).toEqual(["a/1", "a/2"]);
    put("a/1", "");
    put("a/2", "");
    expect([retained.size, retained.bytes]).toEqual([0, 0]);
    expect(await storedTopics()).toEqual([]);
  });

  test("refuses one message too many, but takes the place of an old one", () => {
    expect([put("a", "1"), put("b", "2"), put("c", "3"), put("d", "4")]).toEqual([true, true, true, false]);
    expect([put("a", "5"), put("e", "")]).toEqual([true, true]);
    expect(counters.limits.maximumRetainedMessages).toBe(1);
    put("a", "");
    expect(put("d", "4")).toBe(true);
  });

  test("never holds more bytes than it may, whatever is replaced by what", () => {
    expect([put("a", "x".repeat(50)), put("b", "y".repeat(60))]).toEqual([true, false]);
    expect(counters.limits.maximumRetainedBytes).toBe(1);
    expect(put("a", "x".repeat(200))).toBe(false);
    expect(put("a", "x".repeat(90))).toBe(true);
    expect(put("a", "x".repeat(95))).toBe(true);
    expect(put("a", "x".repeat(96))).toBe(false);
    expect([put("a", "x"), put("b", "y".repeat(60))]).toEqual([true, true]);
    expect(retained.bytes).toBeLessThanOrEqual(100);
    // To the byte: what is counted is what is held.
    for (let size = 1; size < 100; size++) {
      put("b", "y".repeat(size));
      expect(retained.bytes).toBeLessThanOrEqual(100);
    }
  });

  test("removes what has expired, from the store as well", async () => {
    put("soon", "x", 10);
    put("later", "y", 20);
    put("soon", "z", 30);
    put("never", "n");
    clock.advance(19_999);
    retained.expire(clock.now());
    expect(retained.size).toBe(3);
    clock.advance(1);
    retained.expire(clock.now());
    expect(matching("#").sort()).toEqual(["never", "soon"]);
    expect(await storedTopics()).toEqual(["never", "soon"]);
    clock.advance(10_000);
    retained.expire(clock.now());
    expect(matching("#")).toEqual(["never"]);
  });

  test("what the store gives back still expires", () => {
    put("t", "x", 10);
    const body = retained.get("t")!.body;
    const next = new RetainedMessages(defaultLimits, counters, commits);
    next.load("t", body);
    expect([next.size, next.bytes]).toEqual([1, retained.bytes]);
    clock.advance(10_000);
    next.expire(clock.now());
    expect(next.size).toBe(0);
  });

  test("system topics are neither stored nor limited", async () => {
    for (const name of ["a", "b", "c", "d"]) expect(put(`$SYS/${name}`, "x".repeat(90))).toBe(true);
    put("$SYS/a", "");
    await settled();
    expect([retained.size, matching("#").length, await storedTopics()]).toEqual([3, 0, []]);
  });
});
