import { FakeClock, settled, UnreliableStore } from "@dunlin/test-kit";
import { beforeEach, describe, expect, test } from "vitest";
import { Arena } from "../arena.ts";
import { Counters } from "../counters.ts";
import { MemoryBudget } from "../memory-budget.ts";
import { defaultLimits } from "../options.ts";
import { silentLogger } from "../ports/logger.ts";
import { TopicTable } from "../routing/topic-table.ts";
import { Session } from "../session/session.ts";
import { createMemoryStore } from "../storage/memory-store.ts";
import { GroupCommit } from "./group-commit.ts";
import { MessageBodyView } from "./message-body.ts";
import { Publication } from "./publication.ts";

/** Of one message in one inbox, beside its body. */
const REFERENCE_BYTES = 64;

describe("GroupCommit", () => {
  let clock: FakeClock;
  let store: UnreliableStore;
  let counters: Counters;
  let commits: GroupCommit;
  let one: Session;
  let two: Session;
  const topics = new TopicTable<Session>(defaultLimits);

  function session(number: number): Session {
    return new Session(`client-${number}`, number, 5, true, {
      onSessionDeadline() {},
      stateMemory: new MemoryBudget(1000),
    });
  }

  function publication(payload: string | Uint8Array): Publication {
    const made = new Publication(new Arena(), () => clock.now());
    const message = {
      topicName: "t",
      payload: Buffer.from(payload),
      qos: 1,
      retain: false,
      properties: {},
    } as const;
    made.setMessage(message, topics.internName("t"), null);
    return made;
  }

  function payloadOf(body: Uint8Array): string {
    const { payloadStart, payloadEnd } = new MessageBodyView().read(body);
    return Buffer.from(body.subarray(payloadStart, payloadEnd)).toString();
  }

  async function inbox(of: Session): Promise<string[]> {
    const messages = await store.readInbox(of.number, 0, 10_000, Number.MAX_SAFE_INTEGER);
    return messages.map(({ sequence, body }) => `${sequence}:${payloadOf(body)}`);
  }

  beforeEach(async () => {
    clock = new FakeClock();
    store = new UnreliableStore(createMemoryStore());
    counters = new Counters();
    commits = new GroupCommit(store, clock, counters, silentLogger);
    await store.open({ session() {}, retained() {} });
    one = session(1);
    two = session(2);
    for (const each of [one, two]) commits.putSession(each);
    await commits.stored();
    store.groups.length = 0;
    counters.commits = 0;
  });

  test("puts all of a turn into one group, and a body once for all who get it", async () => {
    const both = publication("both");
    commits.append(both, one, 1, undefined);
    commits.append(both, two, 2, [7]);
    commits.append(publication("second"), one, 1, undefined);
    expect([one.nextSequence, one.queuedMessages, one.storedBefore]).toEqual([2, 2, 0]);
    await commits.stored();
    expect(store.groups).toHaveLength(1);
    expect(store.groups[0]?.bodyEnds).toHaveLength(2);
    expect(await inbox(one)).toEqual(["0:both", "1:second"]);
    expect(await inbox(two)).toEqual(["0:both"]);
    expect([one.storedBefore, two.storedBefore]).toEqual([2, 1]);
    expect(one.queuedBytes + two.queuedBytes).toBe(
      [...(await store.readInbox(1, 0, 9, 999)), ...(await store.readInbox(2, 0, 9, 999))].reduce(
        (sum, { body }) => sum + body.length,
        0,
      ),
    );
  });

  test("keeps large and small bodies as they were", async () => {
    const payloads = [10, 20_000, 0, 70_000, 3].map((size, index) => String(index).repeat(size));
    for (const payload of payloads) commits.append(publication(payload), one, 1, undefined);
    await commits.stored();
    expect(await inbox(one)).toEqual(payloads.map((payload, index) => `${index}:${payload}`));
  });

  test("fills the next group while one is being stored; a message that goes to both has a body in both", async () => {
    store.wait();
    const message = publication("a");
    commits.append(message, one, 1, undefined);
    const first = commits.ticket();
    await settled();
    commits.append(message, two, 1, undefined);
    const second = commits.ticket();
    expect(second).toBe(first + 1);
    expect(commits.pendingBytes).toBe(2 * (one.queuedBytes + REFERENCE_BYTES));
    const log: string[] = [];
    commits.listener = { onInboxStored: ({ clientId }) => log.push(clientId) };
    commits.wait({ onCommitted: (ticket) => log.push(`ticket ${ticket - first}`) });
    void commits.stored().then(() => log.push("promise"));
    store.work();
    await settled();
    expect(log).toEqual(["client-1", "ticket 0", "client-2", "ticket 1", "promise"]);
    expect([await inbox(one), await inbox(two)]).toEqual([["0:a"], ["0:a"]]);
    expect([commits.committed, commits.pendingBytes]).toEqual([second, 0]);
  });

  test("tries a group again every second until it is stored, and tells nobody before", async () => {
    store.fail();
    commits.append(publication("a"), one, 1, undefined);
    const log: string[] = [];
    void commits.stored().then(() => log.push("stored"));
    await settled();
    for (let second = 1; second <= 3; second++) {
      expect([store.attempts, commits.failing, counters.commitFailures]).toEqual([1 + second, true, second]);
      clock.advance(1000);
      await settled();
    }
    commits.append(publication("b"), one, 1, undefined);
    expect([log, one.storedBefore, counters.commits]).toEqual([[], 0, 0]);
    store.work();
    clock.advance(1000);
    await settled();
    expect([log, one.storedBefore, commits.failing]).toEqual([["stored"], 1, false]);
    expect(counters.commitMs).toBe(4000);
    await commits.stored();
    expect(await inbox(one)).toEqual(["0:a", "1:b"]);
  });

  test("stores state that nobody waits for with the next group, or after 250 ms", async () => {
    commits.touch(one);
    one.inboundQoS2.add(9);
    clock.advance(249);
    await settled();
    expect(store.groups).toHaveLength(0);
    clock.advance(1);
    await settled();
    // As it is when the group is sealed, not when it was touched.
    expect(store.groups[0]?.deliveryStates.get(1)?.inboundPacketIdentifiers).toEqual([9]);
    commits.touch(two);
    commits.append(publication("a"), one, 1, undefined);
    await commits.stored();
    expect(store.groups[1]?.deliveryStates.has(2)).toBe(true);
    clock.advance(10_000);
    await settled();
    expect(store.groups).toHaveLength(2);
  });

  test("a lazy change made while a group is being stored is not forgotten", async () => {
    store.wait();
    commits.append(publication("a"), one, 1, undefined);
    commits.ticket();
    await settled();
    commits.touch(two);
    store.work();
    await settled();
    clock.advance(250);
    await settled();
    expect(store.groups.map(({ deliveryStates }) => [...deliveryStates.keys()])).toEqual([[], [2]]);
  });

  test("a session that ends takes what was to be stored for it along", async () => {
    commits.append(publication("a"), one, 1, undefined);
    commits.touch(one);
    commits.putWill(one, { body: Buffer.from("w"), willDelayIntervalSeconds: 1, publishAtMs: 0 });
    commits.deleteSession(one);
    await commits.stored();
    const { sessions, inboxes, deliveryStates, wills } = store.groups[0]!;
    expect([...sessions]).toEqual([[1, null]]);
    expect([inboxes.size, deliveryStates.size, wills.size]).toEqual([0, 0, 0]);
  });

  test("a heartbeat stores the time", async () => {
    commits.heartbeat();
    clock.advance(250);
    await settled();
    expect(store.groups[0]?.atMs).toBe(clock.now());
  });

  test("close stores what is left, and waits for what is under way", async () => {
    store.wait();
    commits.append(publication("a"), one, 1, undefined);
    commits.ticket();
    await settled();
    commits.append(publication("b"), one, 1, undefined);
    const log: string[] = [];
    void commits.close().then(() => log.push("closed"));
    await settled();
    expect(log).toEqual([]);
    store.work();
    await settled();
    expect(log).toEqual(["closed"]);
    expect(await inbox(one)).toEqual(["0:a", "1:b"]);
    expect(clock.pendingTimers).toBe(0);
  });
});
