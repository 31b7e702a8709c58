import type {
  CommitGroup,
  DeliveryState,
  InboxAppend,
  RecoveredSession,
  RecoverySummary,
  SessionRecord,
  Store,
  SubscriptionRecord,
  WillRecord,
} from "@dunlin/broker";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

/** What the contract suite needs of a store. */
export interface StoreSubject {
  /** A store that is closed; again and again one on the same data, as after a restart of the process. */
  restart(): Store;
  /** Removes the data. */
  remove(): Promise<void>;
}

export interface RecoveredStore {
  readonly sessions: ReadonlyMap<number, RecoveredSession>;
  readonly retained: ReadonlyMap<string, string>;
  readonly summary: RecoverySummary;
}

/** Opens a store and collects what it tells; retained bodies as UTF-8. */
export async function recoverAll(store: Store): Promise<RecoveredStore> {
  const sessions = new Map<number, RecoveredSession>();
  const retained = new Map<string, string>();
  const summary = await store.open({
    session: (session) => void sessions.set(session.record.sessionNumber, session),
    retained: (topicName, body) => void retained.set(topicName, Buffer.from(body).toString()),
  });
  return { sessions, retained, summary };
}

/** A group of what is given, and nothing else; `bodies` as UTF-8. */
export function commitGroup(
  parts: Partial<Omit<CommitGroup, "bodies" | "bodyEnds">> & { readonly bodies?: readonly string[] },
): CommitGroup {
  const bodies = (parts.bodies ?? []).map((body) => Buffer.from(body));
  let end = 0;
  const bodyEnds = bodies.map((body) => {
    end += body.length;
    return end;
  });
  return {
    atMs: 1,
    inboxes: new Map(),
    sessions: new Map(),
    subscriptions: new Map(),
    deliveryStates: new Map(),
    retained: new Map(),
    wills: new Map(),
    ...parts,
    bodies: Buffer.concat(bodies),
    bodyEnds,
  };
}

export function sessionRecord(sessionNumber: number, parts: Partial<SessionRecord> = {}): SessionRecord {
  return {
    sessionNumber,
    clientId: `client-${sessionNumber}`,
    protocolVersion: 5,
    sessionExpiryIntervalSeconds: 0xffffffff,
    expiresAtMs: Number.POSITIVE_INFINITY,
    userName: undefined,
    ...parts,
  };
}

export function subscriptionRecord(
  topicFilter: string,
  parts: Partial<SubscriptionRecord> = {},
): SubscriptionRecord {
  return {
    topicFilter,
    qos: 1,
    noLocal: false,
    retainAsPublished: false,
    retainHandling: 0,
    subscriptionIdentifier: 0,
    ...parts,
  };
}

export function deliveryState(parts: Partial<DeliveryState>): DeliveryState {
  return {
    firstUnacknowledged: 0,
    sentBefore: 0,
    acknowledged: [],
    released: [],
    inboundPacketIdentifiers: [],
    ...parts,
  };
}

/** One inbox entry per body index, all with the same flags. */
export function inboxAppend(firstSequence: number, bodies: readonly number[], flags = 1): InboxAppend {
  return {
    firstSequence,
    references: bodies.map((body) => ({ body, flags, subscriptionIdentifiers: undefined })),
  };
}

function indexes(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

/** What every implementation of the Store port must do. */
export function storeContract(name: string, createSubject: () => StoreSubject): void {
  describe(`store contract: ${name}`, () => {
    let subject: StoreSubject;
    let store: Store;

    beforeEach(async () => {
      subject = createSubject();
      store = subject.restart();
    });
    afterEach(async () => {
      await store.close();
      await subject.remove();
    });

    async function reopen(): Promise<RecoveredStore> {
      await store.close();
      store = subject.restart();
      return await recoverAll(store);
    }

    async function opened(): Promise<void> {
      await recoverAll(store);
      await store.commit(
        commitGroup({ sessions: new Map([1, 2, 3].map((number) => [number, sessionRecord(number)])) }),
      );
    }

    /** The messages of an inbox as "sequence:body". */
    async function inbox(sessionNumber: number, from = 0, messages = 10_000, bytes = 1e9): Promise<string[]> {
      const found = await store.readInbox(sessionNumber, from, messages, bytes);
      return found.map(({ sequence, body }) => `${sequence}:${Buffer.from(body).toString()}`);
    }

    describe("opening and closing", () => {
      test("an empty store tells nothing", async () => {
        const { sessions, retained, summary } = await recoverAll(store);
        expect(sessions.size + retained.size).toBe(0);
        expect(summary).toEqual({ nextSessionNumber: 1, lastAliveAtMs: 0, quarantined: [] });
      });

      test("a store that is not open refuses to work with DUNLIN_STORE", async () => {
        await expect(store.commit(commitGroup({}))).rejects.toMatchObject({ code: "DUNLIN_STORE" });
        await expect(store.readInbox(1, 0, 1, 1)).rejects.toMatchObject({ code: "DUNLIN_STORE" });
      });

      test("close may be called twice", async () => {
        await recoverAll(store);
        await store.close();
        await store.close();
      });

      test("the time of the last group is told", async () => {
        await opened();
        await store.commit(commitGroup({ atMs: 1_700_000_000_123 }));
        expect((await reopen()).summary.lastAliveAtMs).toBe(1_700_000_000_123);
      });

      test("session numbers are never told again, even when the session is gone", async () => {
        await opened();
        await store.commit(commitGroup({ sessions: new Map([[77, sessionRecord(77)]]) }));
        await store.commit(commitGroup({ sessions: new Map([[77, null]]) }));
        expect((await reopen()).summary.nextSessionNumber).toBe(78);
      });
    });

    describe("sessions", () => {
      test("come back as they were", async () => {
        await opened();
        const record = sessionRecord(9, {
          clientId: "größe/☃/𝄞",
          protocolVersion: 3,
          sessionExpiryIntervalSeconds: 7,
          expiresAtMs: 1_700_000_007_000,
          userName: "",
        });
        await store.commit(commitGroup({ sessions: new Map([[9, record]]) }));
        const { sessions } = await reopen();
        expect([...sessions.keys()].sort()).toEqual([1, 2, 3, 9]);
        expect(sessions.get(9)?.record).toEqual(record);
        expect(sessions.get(1)?.record).toEqual(sessionRecord(1));
        expect(sessions.get(1)).toMatchObject({
          subscriptions: [],
          state: deliveryState({}),
          nextSequence: 0,
          queuedMessages: 0,
          queuedBytes: 0,
          will: undefined,
        });
      });

      test("take their latest record", async () => {
        await opened();
        const record = sessionRecord(1, { expiresAtMs: 5000 });
        await store.commit(commitGroup({ sessions: new Map([[1, record]]) }));
        expect((await reopen()).sessions.get(1)?.record).toEqual(record);
      });

      test("are deleted with all that is theirs, whatever else the group says of them", async () => {
        await opened();
        const everything = {
          bodies: ["one", "two"],
          inboxes: new Map([
            [1, inboxAppend(0, [0, 1])],
            [2, inboxAppend(0, [1])],
          ]),
          subscriptions: new Map([[1, new Map([["a", subscriptionRecord("a")]])]]),
          deliveryStates: new Map([[1, deliveryState({ sentBefore: 1 })]]),
          wills: new Map([[1, { body: Buffer.from("w"), willDelayIntervalSeconds: 0, publishAtMs: 0 }]]),
        };
        await store.commit(commitGroup(everything));
        await store.commit(
          commitGroup({ ...everything, sessions: new Map([[1, null]]), inboxes: new Map() }),
        );
        expect(await inbox(1)).toEqual([]);
        expect(await inbox(2)).toEqual(["0:two"]);
        expect([...(await reopen()).sessions.keys()].sort()).toEqual([2, 3]);
        await store.commit(commitGroup({ sessions: new Map([[1, sessionRecord(1)]]) }));
        expect((await reopen()).sessions.get(1)).toMatchObject({ subscriptions: [], queuedMessages: 0 });
      });
    });

    describe("subscriptions", () => {
      test("are added, replaced and deleted", async () => {
        await opened();
        const kept = subscriptionRecord("a/+", {
          qos: 2,
          noLocal: true,
          retainAsPublished: true,
          retainHandling: 2,
          subscriptionIdentifier: 268_435_455,
        });
        const commit = (changes: [string, SubscriptionRecord | null][]): Promise<void> =>
          store.commit(commitGroup({ subscriptions: new Map([[1, new Map(changes)]]) }));
        await commit([
          ["a/+", subscriptionRecord("a/+")],
          ["$share/group/b/#", subscriptionRecord("$share/group/b/#")],
        ]);
        await commit([
          ["a/+", kept],
          ["$share/group/b/#", null],
          ["never/there", null],
        ]);
        expect((await reopen()).sessions.get(1)?.subscriptions).toEqual([kept]);
      });

      test("have filters of up to 65,535 bytes, in any language, and similar ones stay apart", async () => {
        await opened();
        const long = "☃".repeat(21_845);
        const filters = [long, `${long.slice(0, -1)}☄`, "a/ä/𝄞", "/", "a".repeat(65_535), "a".repeat(65_534)];
        const changes = filters.map((filter) => [filter, subscriptionRecord(filter)] as const);
        await store.commit(commitGroup({ subscriptions: new Map([[2, new Map(changes)]]) }));
        const { sessions } = await reopen();
        const found = sessions.get(2)?.subscriptions.map(({ topicFilter }) => topicFilter);
        expect(found?.sort()).toEqual(filters.sort());
      });
    });

    describe("inboxes", () => {
      test("hold messages in order, with flags and subscription identifiers", async () => {
        await opened();
        const references = [
          { body: 1, flags: 255, subscriptionIdentifiers: [1, 268_435_455] },
          { body: 0, flags: 0, subscriptionIdentifiers: undefined },
          { body: 1, flags: 2, subscriptionIdentifiers: [] },
        ];
        await store.commit(
          commitGroup({
            bodies: ["one", "", "three"],
            inboxes: new Map([[1, { firstSequence: 0, references }]]),
          }),
        );
        for (const _ of ["before", "after"]) {
          const messages = await store.readInbox(1, 0, 10, 1000);
          expect(messages.map(({ body: _body, ...rest }) => rest)).toEqual([
            { sequence: 0, flags: 255, subscriptionIdentifiers: [1, 268_435_455] },
            { sequence: 1, flags: 0, subscriptionIdentifiers: undefined },
            { sequence: 2, flags: 2, subscriptionIdentifiers: [] },
          ]);
          expect(await inbox(1)).toEqual(["0:", "1:one", "2:"]);
          await reopen();
        }
      });

      test("of several sessions share bodies and lose them apart", async () => {
        await opened();
        await store.commit(
          commitGroup({
            bodies: ["x", "y", "z"],
            inboxes: new Map([
              [1, inboxAppend(0, [0, 1, 2])],
              [2, inboxAppend(0, [2, 0])],
            ]),
          }),
        );
        await store.commit(
          commitGroup({ deliveryStates: new Map([[1, deliveryState({ firstUnacknowledged: 3 })]]) }),
        );
        expect(await inbox(1)).toEqual([]);
        expect(await inbox(2)).toEqual(["0:z", "1:x"]);
        await reopen();
        expect(await inbox(2)).toEqual(["0:z", "1:x"]);
      });

      test("of unknown sessions are empty", async () => {
        await opened();
        expect(await inbox(4711)).toEqual([]);
      });

      test("are read from any sequence number, up to a number of messages and of bytes", async () => {
        await opened();
        const bodies = indexes(9).map((index) => String(index).repeat(10));
        for (const start of [0, 3, 6]) {
          const append = inboxAppend(start, [0, 1, 2]);
          await store.commit(
            commitGroup({ bodies: bodies.slice(start, start + 3), inboxes: new Map([[1, append]]) }),
          );
        }
        const sequences = async (...limits: [number, number, number]): Promise<number[]> =>
          (await store.readInbox(1, ...limits)).map(({ sequence }) => sequence);
        expect(await sequences(0, 100, 1000)).toEqual(indexes(9));
        expect(await sequences(4, 100, 1000)).toEqual([4, 5, 6, 7, 8]);
        expect(await sequences(8, 100, 1000)).toEqual([8]);
        expect(await sequences(9, 100, 1000)).toEqual([]);
        expect(await sequences(1, 4, 1000)).toEqual([1, 2, 3, 4]);
        expect(await sequences(1, 0, 1000)).toEqual([]);
        expect(await sequences(2, 100, 20)).toEqual([2, 3]);
        expect(await sequences(2, 100, 21)).toEqual([2, 3, 4]);
        expect(await sequences(2, 100, 0)).toEqual([2]);
      });

      test("take groups of thousands of messages, and messages of megabytes", async () => {
        await opened();
        const bodies = indexes(5000).map((index) => `message ${index} ${"x".repeat(index % 300)}`);
        bodies[2500] = "m".repeat(3_000_000);
        await store.commit(
          commitGroup({
            bodies,
            inboxes: new Map([
              [1, inboxAppend(0, indexes(5000))],
              [2, inboxAppend(10, indexes(5000).reverse())],
            ]),
          }),
        );
        const expected = bodies.map((body, index) => `${index}:${body}`);
        expect(await inbox(1)).toEqual(expected);
        const { sessions } = await reopen();
        expect(await inbox(1)).toEqual(expected);
        expect(await inbox(2, 5000)).toEqual(
          indexes(10).map((index) => `${5000 + index}:${bodies[9 - index]}`),
        );
        const queuedBytes = bodies.reduce((bytes, body) => bytes + body.length, 0);
        expect(sessions.get(1)).toMatchObject({ queuedMessages: 5000, queuedBytes, nextSequence: 5000 });
        expect(sessions.get(2)).toMatchObject({ queuedMessages: 5000, queuedBytes, nextSequence: 5010 });
      });

      test("grow by many small groups and are trimmed from the front", async () => {
        await opened();
        for (let sequence = 0; sequence < 100; sequence++) {
          const inboxes = new Map([[1, inboxAppend(sequence, [0])]]);
          await store.commit(commitGroup({ bodies: [`${sequence}`], inboxes }));
        }
        for (const firstUnacknowledged of [1, 40, 41, 95]) {
          const state = deliveryState({ firstUnacknowledged });
          await store.commit(commitGroup({ deliveryStates: new Map([[1, state]]) }));
          expect((await inbox(1)).length).toBe(100 - firstUnacknowledged);
          expect((await inbox(1))[0]).toBe(`${firstUnacknowledged}:${firstUnacknowledged}`);
        }
        expect((await reopen()).sessions.get(1)).toMatchObject({ queuedMessages: 5, queuedBytes: 10 });
        expect(await inbox(1)).toEqual(["95:95", "96:96", "97:97", "98:98", "99:99"]);
      });
    });

    describe("delivery states", () => {
      test("come back as they were", async () => {
        await opened();
        const state: DeliveryState = {
          firstUnacknowledged: 70_000_000_000,
          sentBefore: 70_000_000_009,
          acknowledged: [70_000_000_005, 70_000_000_007],
          released: [70_000_000_001],
          inboundPacketIdentifiers: [65_535, 1],
        };
        await store.commit(commitGroup({ deliveryStates: new Map([[2, state]]) }));
        expect((await reopen()).sessions.get(2)?.state).toEqual(state);
      });

      test("hide what is acknowledged, and count only what is not", async () => {
        await opened();
        await store.commit(
          commitGroup({
            bodies: ["a", "bb", "ccc", "dddd"],
            inboxes: new Map([[1, inboxAppend(0, [0, 1, 2, 3])]]),
          }),
        );
        const state = deliveryState({ firstUnacknowledged: 1, sentBefore: 4, acknowledged: [2] });
        await store.commit(commitGroup({ deliveryStates: new Map([[1, state]]) }));
        expect(await inbox(1)).toEqual(["1:bb", "3:dddd"]);
        const { sessions } = await reopen();
        expect(sessions.get(1)).toMatchObject({ queuedMessages: 2, queuedBytes: 6, nextSequence: 4, state });
        expect(await inbox(1)).toEqual(["1:bb", "3:dddd"]);
      });

      test("may acknowledge what the same group adds", async () => {
        await opened();
        const state = deliveryState({ firstUnacknowledged: 2, sentBefore: 3 });
        await store.commit(
          commitGroup({
            bodies: ["a", "b", "c"],
            inboxes: new Map([
              [1, inboxAppend(0, [0, 1, 2])],
              [2, inboxAppend(5, [0, 1])],
            ]),
            deliveryStates: new Map([
              [1, state],
              [2, deliveryState({ firstUnacknowledged: 7 })],
            ]),
          }),
        );
        expect(await inbox(1)).toEqual(["2:c"]);
        expect(await inbox(2)).toEqual([]);
        const { sessions } = await reopen();
        expect(sessions.get(1)).toMatchObject({ nextSequence: 3, queuedMessages: 1 });
        expect(sessions.get(2)).toMatchObject({ nextSequence: 7, queuedMessages: 0 });
      });

      test("keep the sequence going when the inbox is empty", async () => {
        await opened();
        await store.commit(
          commitGroup({
            deliveryStates: new Map([
              [1, deliveryState({ firstUnacknowledged: 40, sentBefore: 40 })],
              [2, deliveryState({ firstUnacknowledged: 40, sentBefore: 44 })],
              [3, deliveryState({ firstUnacknowledged: 40, sentBefore: 40, acknowledged: [43] })],
            ]),
          }),
        );
        const { sessions } = await reopen();
        expect([1, 2, 3].map((number) => sessions.get(number)?.nextSequence)).toEqual([40, 44, 44]);
        await store.commit(commitGroup({ bodies: ["next"], inboxes: new Map([[1, inboxAppend(40, [0])]]) }));
        expect(await inbox(1, 0)).toEqual(["40:next"]);
        expect((await reopen()).sessions.get(1)?.nextSequence).toBe(41);
      });
    });

    describe("retained messages and wills", () => {
      test("retained messages are set, replaced and deleted by topic", async () => {
        await opened();
        const long = `${"ü".repeat(32_767)}/`;
        const commit = (changes: [string, string | null][]): Promise<void> => {
          const retained = changes.map(
            ([topic, body]) => [topic, body === null ? null : Buffer.from(body)] as const,
          );
          return store.commit(commitGroup({ retained: new Map(retained) }));
        };
        await commit([
          ["a", "1"],
          ["b", "2"],
          [long, "3"],
        ]);
        await commit([
          ["a", "one"],
          ["b", null],
          ["c", null],
        ]);
        expect([...(await reopen()).retained]).toHaveLength(2);
        expect((await reopen()).retained).toEqual(
          new Map([
            [long, "3"],
            ["a", "one"],
          ]),
        );
      });

      test("wills are set, replaced and deleted", async () => {
        await opened();
        const will = (body: string): WillRecord => ({
          body: Buffer.from(body),
          willDelayIntervalSeconds: 0xffffffff,
          publishAtMs: 1_700_000_000_001,
        });
        await store.commit(
          commitGroup({
            wills: new Map([
              [1, will("one")],
              [2, will("two")],
            ]),
          }),
        );
        await store.commit(
          commitGroup({
            wills: new Map([
              [1, will("uno")],
              [2, null],
              [3, null],
            ]),
          }),
        );
        const { sessions } = await reopen();
        const found = sessions.get(1)?.will;
        expect({ ...found, body: Buffer.from(found?.body ?? []) }).toEqual(will("uno"));
        expect([sessions.get(2)?.will, sessions.get(3)?.will]).toEqual([undefined, undefined]);
      });

      test("do not change when the caller reuses the buffers of a settled group", async () => {
        await opened();
        const group = commitGroup({
          bodies: ["body"],
          inboxes: new Map([[1, inboxAppend(0, [0])]]),
          retained: new Map([["r", Buffer.from("retained")]]),
        });
        await store.commit(group);
        group.bodies.fill(0);
        group.retained.get("r")?.fill(0);
        expect(await inbox(1)).toEqual(["0:body"]);
        expect((await reopen()).retained.get("r")).toBe("retained");
      });
    });
  });
}
