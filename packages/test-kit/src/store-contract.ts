import type { Store, SubscriptionRecord } from "@dunlin/broker";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { deliveryStateCases, inboxCases, retainedAndWillCases } from "./store-contract-messages.ts";
import {
  commitGroup,
  deliveryState,
  inboxAppend,
  recoverAll,
  sessionRecord,
  subscriptionRecord,
} from "./store-groups.ts";
import type { StoreHarness } from "./store-harness.ts";

/** What the contract suite needs of a store. */
export interface StoreSubject {
  /** A store that is closed; again and again one on the same data, as after a restart of the process. */
  restart(): Store;
  /** Removes the data. */
  remove(): Promise<void>;
}

/** What every implementation of the Store port must do. */
export function storeContract(name: string, createSubject: () => StoreSubject): void {
  describe(`store contract: ${name}`, () => {
    let subject: StoreSubject;
    let store: Store;

    beforeEach(() => {
      subject = createSubject();
      store = subject.restart();
    });
    afterEach(async () => {
      await store.close();
      await subject.remove();
    });

    const harness: StoreHarness = {
      get store() {
        return store;
      },
      async opened() {
        await recoverAll(store);
        const records = [1, 2, 3].map((number) => [number, sessionRecord(number)] as const);
        await store.commit(commitGroup({ sessions: new Map(records) }));
      },
      async reopen() {
        await store.close();
        store = subject.restart();
        return await recoverAll(store);
      },
      async inbox(sessionNumber, fromSequence = 0) {
        const messages = await store.readInbox(sessionNumber, fromSequence, 10_000, 1e9);
        return messages.map(({ sequence, body }) => `${sequence}:${Buffer.from(body).toString()}`);
      },
    };
    openingCases(harness);
    sessionCases(harness);
    subscriptionCases(harness);
    inboxCases(harness);
    deliveryStateCases(harness);
    retainedAndWillCases(harness);
  });
}

function openingCases(harness: StoreHarness): void {
  describe("opening and closing", () => {
    test("an empty store tells nothing", async () => {
      const { sessions, retained, summary } = await recoverAll(harness.store);
      expect(sessions.size + retained.size).toBe(0);
      expect(summary).toEqual({ nextSessionNumber: 1, lastAliveAtMs: 0, quarantined: [] });
    });

    test("a store that is not open refuses to work with DUNLIN_STORE", async () => {
      await expect(harness.store.commit(commitGroup({}))).rejects.toMatchObject({ code: "DUNLIN_STORE" });
      await expect(harness.store.readInbox(1, 0, 1, 1)).rejects.toMatchObject({ code: "DUNLIN_STORE" });
    });

    test("close may be called twice", async () => {
      await recoverAll(harness.store);
      await harness.store.close();
      await harness.store.close();
    });

    test("the time of the last group is told", async () => {
      await harness.opened();
      await harness.store.commit(commitGroup({ atMs: 1_700_000_000_123 }));
      expect((await harness.reopen()).summary.lastAliveAtMs).toBe(1_700_000_000_123);
    });

    test("session numbers are never told again, even when the session is gone", async () => {
      await harness.opened();
      await harness.store.commit(commitGroup({ sessions: new Map([[77, sessionRecord(77)]]) }));
      await harness.store.commit(commitGroup({ sessions: new Map([[77, null]]) }));
      expect((await harness.reopen()).summary.nextSessionNumber).toBe(78);
    });
  });
}

function sessionCases(harness: StoreHarness): void {
  describe("sessions", () => {
    test("come back as they were", async () => {
      await harness.opened();
      const record = sessionRecord(9, {
        clientId: "größe/☃/𝄞",
        protocolVersion: 3,
        sessionExpiryIntervalSeconds: 7,
        expiresAtMs: 1_700_000_007_000,
        userName: "",
      });
      await harness.store.commit(commitGroup({ sessions: new Map([[9, record]]) }));
      const { sessions } = await harness.reopen();
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
      await harness.opened();
      const record = sessionRecord(1, { expiresAtMs: 5000 });
      await harness.store.commit(commitGroup({ sessions: new Map([[1, record]]) }));
      expect((await harness.reopen()).sessions.get(1)?.record).toEqual(record);
    });

    test("are deleted with all that is theirs, whatever else the group says of them", async () => {
      await harness.opened();
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
      await harness.store.commit(commitGroup(everything));
      await harness.store.commit(
        commitGroup({ ...everything, sessions: new Map([[1, null]]), inboxes: new Map() }),
      );
      expect(await harness.inbox(1)).toEqual([]);
      expect(await harness.inbox(2)).toEqual(["0:two"]);
      expect([...(await harness.reopen()).sessions.keys()].sort()).toEqual([2, 3]);
      await harness.store.commit(commitGroup({ sessions: new Map([[1, sessionRecord(1)]]) }));
      expect((await harness.reopen()).sessions.get(1)).toMatchObject({
        subscriptions: [],
        queuedMessages: 0,
      });
    });
  });
}

function subscriptionCases(harness: StoreHarness): void {
  describe("subscriptions", () => {
    test("are added, replaced and deleted", async () => {
      await harness.opened();
      const kept = subscriptionRecord("a/+", {
        qos: 2,
        noLocal: true,
        retainAsPublished: true,
        retainHandling: 2,
        subscriptionIdentifier: 268_435_455,
      });
      const commit = (changes: [string, SubscriptionRecord | null][]): Promise<void> =>
        harness.store.commit(commitGroup({ subscriptions: new Map([[1, new Map(changes)]]) }));
      await commit([
        ["a/+", subscriptionRecord("a/+")],
        ["$share/group/b/#", subscriptionRecord("$share/group/b/#")],
      ]);
      await commit([
        ["a/+", kept],
        ["$share/group/b/#", null],
        ["never/there", null],
      ]);
      expect((await harness.reopen()).sessions.get(1)?.subscriptions).toEqual([kept]);
    });

    test("have filters of up to 65,535 bytes, in any language, and similar ones stay apart", async () => {
      await harness.opened();
      const long = "☃".repeat(21_845);
      const filters = [long, `${long.slice(0, -1)}☄`, "a/ä/𝄞", "/", "a".repeat(65_535), "a".repeat(65_534)];
      const changes = filters.map((filter) => [filter, subscriptionRecord(filter)] as const);
      await harness.store.commit(commitGroup({ subscriptions: new Map([[2, new Map(changes)]]) }));
      const { sessions } = await harness.reopen();
      const found = sessions.get(2)?.subscriptions.map(({ topicFilter }) => topicFilter);
      expect(found?.sort()).toEqual(filters.sort());
    });
  });
}
