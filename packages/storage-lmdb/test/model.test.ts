import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type CommitGroup,
  createMemoryStore,
  type InboxAppend,
  type InboxMessage,
  type RecoveredSession,
  type Store,
} from "@dunlin/broker";
import { createLmdbStore } from "@dunlin/storage-lmdb";
import { commitGroup, recoverAll, sessionRecord, subscriptionRecord } from "@dunlin/test-kit";
import fc from "fast-check";
import { expect, test } from "vitest";
import { NaiveStore } from "./naive-store.ts";

/** What happens to one client in one group; the numbers are read modulo what is possible. */
const clientChange = fc.record({
  deleted: fc.integer({ min: 0, max: 15 }).map((number) => number === 0),
  renewed: fc.boolean(),
  appended: fc.array(fc.record({ body: fc.nat(), flags: fc.integer({ min: 0, max: 255 }), ids: fc.nat(3) }), {
    maxLength: 30,
  }),
  acknowledged: fc.option(fc.record({ first: fc.nat(), others: fc.array(fc.nat(), { maxLength: 4 }) })),
  subscribed: fc.array(fc.tuple(fc.nat(3), fc.boolean()), { maxLength: 3 }),
  will: fc.option(fc.option(fc.string()), { freq: 3 }),
});
const body = fc.oneof(
  { weight: 8, arbitrary: fc.string({ unit: "grapheme", maxLength: 40 }) },
  { weight: 2, arbitrary: fc.nat(3000).map((length) => "m".repeat(length)) },
  { weight: 1, arbitrary: fc.nat(100_000).map((length) => "l".repeat(length)) },
);
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("commit" as const),
      bodies: fc.array(body, { maxLength: 12 }),
      clients: fc.dictionary(fc.constantFrom("a", "b", "c", "d"), clientChange),
      retained: fc.array(fc.tuple(fc.nat(5), fc.option(fc.string())), { maxLength: 4 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("restart" as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("read" as const),
      from: fc.nat(),
      messages: fc.nat(40),
      bytes: fc.nat(5000),
    }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;
type CommitStep = Extract<Step, { kind: "commit" }>;
type ClientChange = typeof clientChange extends fc.Arbitrary<infer Value> ? Value : never;

/** Session numbers of the clients that have a session. */
type Clients = Map<string, number>;

function groupOf(change: CommitStep, naive: NaiveStore, clients: Clients): CommitGroup {
  const parts = {
    sessions: new Map(),
    inboxes: new Map<number, InboxAppend>(),
    deliveryStates: new Map(),
    subscriptions: new Map(),
    wills: new Map(),
  };
  let nextSessionNumber = naive.nextSessionNumber;
  for (const [clientId, client] of Object.entries(change.clients)) {
    const known = clients.get(clientId);
    const number = known ?? nextSessionNumber++;
    const isDeleted = client.deleted && known !== undefined;
    if (isDeleted) parts.sessions.set(number, null);
    else if (known === undefined || client.renewed)
      parts.sessions.set(number, sessionRecord(number, { clientId }));
    if (isDeleted) clients.delete(clientId);
    else clients.set(clientId, number);
    planMessages(parts, number, client, change.bodies.length, naive);
    const subscriptions = client.subscribed.map(([filter, isThere]) => {
      const topicFilter = `filter/${filter}`;
      return [topicFilter, isThere ? subscriptionRecord(topicFilter, { qos: 2 }) : null] as const;
    });
    parts.subscriptions.set(number, new Map(subscriptions));
    if (client.will !== null) {
      const will =
        client.will === null ? null : { body: Buffer.from(client.will ?? ""), willDelayIntervalSeconds: 1 };
      parts.wills.set(number, will && { ...will, publishAtMs: 2 });
    }
  }
  const retained = change.retained.map(
    ([topic, value]) => [`topic/${topic}`, value === null ? null : Buffer.from(value)] as const,
  );
  const atMs = naive.lastAliveAtMs + 1;
  return commitGroup({ ...parts, atMs, bodies: change.bodies, retained: new Map(retained) });
}

function planMessages(
  parts: { inboxes: Map<number, InboxAppend>; deliveryStates: Map<number, unknown> },
  number: number,
  client: ClientChange,
  bodies: number,
  naive: NaiveStore,
): void {
  const before = naive.sessions.get(number);
  const firstSequence = before?.nextSequence ?? 0;
  const references = client.appended.map(({ body: index, flags, ids }) => ({
    body: index % Math.max(1, bodies),
    flags,
    subscriptionIdentifiers: ids === 0 ? undefined : Array.from({ length: ids }, (_, id) => id * 1000 + 1),
  }));
  const added = bodies === 0 ? [] : references;
  if (added.length > 0) parts.inboxes.set(number, { firstSequence, references: added });
  if (client.acknowledged === null) return;
  const end = firstSequence + added.length;
  const oldFirst = before?.state.firstUnacknowledged ?? 0;
  let firstUnacknowledged = oldFirst + (client.acknowledged.first % (end - oldFirst + 1));
  const others = client.acknowledged.others.map((other) => firstUnacknowledged + 1 + (other % 20));
  const all = new Set([...(before?.state.acknowledged ?? []), ...others.filter((other) => other < end)]);
  while (all.has(firstUnacknowledged)) firstUnacknowledged++;
  const acknowledged = [...all].filter((sequence) => sequence > firstUnacknowledged && sequence < end);
  parts.deliveryStates.set(number, {
    firstUnacknowledged,
    sentBefore: end,
    acknowledged,
    released: acknowledged.slice(1),
    inboundPacketIdentifiers: [number],
  });
}

function plain(messages: readonly InboxMessage[]): unknown[] {
  return messages.map((message) => ({ ...message, body: Buffer.from(message.body).toString("base64") }));
}

async function compareRecovered(store: Store, naive: NaiveStore): Promise<void> {
  const { sessions, retained, summary } = await recoverAll(store);
  expect(retained).toEqual(naive.retained);
  const { nextSessionNumber, lastAliveAtMs } = naive;
  expect(summary).toEqual({ nextSessionNumber, lastAliveAtMs, quarantined: [] });
  expect([...sessions.keys()].sort()).toEqual([...naive.sessions.keys()].sort());
  for (const [number, expected] of naive.sessions) {
    const found = sessions.get(number) as RecoveredSession;
    const { record, state, nextSequence } = expected;
    expect(found).toMatchObject({ record, state, nextSequence, queuedMessages: expected.messages.length });
    expect(found.queuedBytes).toBe(
      expected.messages.reduce((bytes, message) => bytes + message.body.length, 0),
    );
    const filters = found.subscriptions.map(({ topicFilter }) => topicFilter);
    expect(filters.sort()).toEqual([...expected.subscriptions.keys()].sort());
    expect(found.will && Buffer.from(found.will.body)).toEqual(expected.will?.body);
  }
}

async function runSteps(steps: readonly Step[], restart: () => Store): Promise<void> {
  const naive = new NaiveStore();
  const clients: Clients = new Map();
  let store = restart();
  await recoverAll(store);
  const compareInboxes = async (from: number, messages: number, bytes: number): Promise<void> => {
    for (const [number, { nextSequence }] of naive.sessions) {
      const start = from % (nextSequence + 1);
      const found = await store.readInbox(number, start, messages, bytes);
      expect(plain(found)).toEqual(plain(naive.read(number, start, messages, bytes)));
    }
  };
  for (const next of steps) {
    if (next.kind === "commit") {
      const group = groupOf(next, naive, clients);
      naive.commit(group);
      await store.commit(group);
    } else if (next.kind === "restart") {
      await store.close();
      store = restart();
      await compareRecovered(store, naive);
    } else {
      await compareInboxes(next.from, next.messages, next.bytes);
    }
  }
  await compareInboxes(0, 1e6, 1e9);
  await store.close();
  store = restart();
  await compareRecovered(store, naive);
  await store.close();
}

const manySteps = fc.array(step, { minLength: 1, maxLength: 40 });

test("LmdbStore is what a naive store is, whatever is committed and whenever it restarts", async () => {
  await fc.assert(
    fc.asyncProperty(manySteps, async (steps) => {
      const folder = mkdtempSync(join(tmpdir(), "dunlin-model-"));
      const path = join(folder, "store");
      try {
        await runSteps(steps, () => createLmdbStore({ path, durability: "os", cacheBytes: 50_000 }));
      } finally {
        rmSync(folder, { recursive: true });
      }
    }),
    { numRuns: 60 },
  );
}, 120_000);

test("MemoryStore is what a naive store is, whatever is committed and whenever it restarts", async () => {
  await fc.assert(
    fc.asyncProperty(manySteps, async (steps) => {
      const store = createMemoryStore();
      await runSteps(steps, () => store);
    }),
    { numRuns: 200 },
  );
}, 120_000);
