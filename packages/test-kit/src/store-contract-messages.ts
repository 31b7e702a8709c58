import type { DeliveryState, WillRecord } from "@dunlin/broker";
import { describe, expect, test } from "vitest";
import { commitGroup, deliveryState, inboxAppend, indexes } from "./store-groups.ts";
import type { StoreHarness } from "./store-harness.ts";

export function inboxCases(harness: StoreHarness): void {
  inboxOrderCases(harness);
  inboxReadingCases(harness);
  inboxSizeCases(harness);
}

function inboxOrderCases(harness: StoreHarness): void {
  describe("inboxes", () => {
    test("hold messages in order, with flags and subscription identifiers", async () => {
      await harness.opened();
      const references = [
        { body: 1, flags: 255, subscriptionIdentifiers: [1, 268_435_455] },
        { body: 0, flags: 0, subscriptionIdentifiers: undefined },
        { body: 1, flags: 2, subscriptionIdentifiers: [] },
      ];
      await harness.store.commit(
        commitGroup({
          bodies: ["one", "", "three"],
          inboxes: new Map([[1, { firstSequence: 0, references }]]),
        }),
      );
      for (const _ of ["before", "after"]) {
        const messages = await harness.store.readInbox(1, 0, 10, 1000);
        expect(messages.map(({ body: _body, ...rest }) => rest)).toEqual([
          { sequence: 0, flags: 255, subscriptionIdentifiers: [1, 268_435_455] },
          { sequence: 1, flags: 0, subscriptionIdentifiers: undefined },
          { sequence: 2, flags: 2, subscriptionIdentifiers: [] },
        ]);
        expect(await harness.inbox(1)).toEqual(["0:", "1:one", "2:"]);
        await harness.reopen();
      }
    });

    test("of several sessions share bodies and lose them apart", async () => {
      await harness.opened();
      await harness.store.commit(
        commitGroup({
          bodies: ["x", "y", "z"],
          inboxes: new Map([
            [1, inboxAppend(0, [0, 1, 2])],
            [2, inboxAppend(0, [2, 0])],
          ]),
        }),
      );
      await harness.store.commit(
        commitGroup({ deliveryStates: new Map([[1, deliveryState({ firstUnacknowledged: 3 })]]) }),
      );
      expect(await harness.inbox(1)).toEqual([]);
      expect(await harness.inbox(2)).toEqual(["0:z", "1:x"]);
      await harness.reopen();
      expect(await harness.inbox(2)).toEqual(["0:z", "1:x"]);
    });

    test("of unknown sessions are empty", async () => {
      await harness.opened();
      expect(await harness.inbox(4711)).toEqual([]);
    });
  });
}

function inboxReadingCases(harness: StoreHarness): void {
  describe("inboxes, reading", () => {
    test("are read from any sequence number, up to a number of messages and of bytes", async () => {
      await harness.opened();
      const bodies = indexes(9).map((index) => String(index).repeat(10));
      for (const start of [0, 3, 6]) {
        const append = inboxAppend(start, [0, 1, 2]);
        await harness.store.commit(
          commitGroup({ bodies: bodies.slice(start, start + 3), inboxes: new Map([[1, append]]) }),
        );
      }
      const sequences = async (...limits: [number, number, number]): Promise<number[]> =>
        (await harness.store.readInbox(1, ...limits)).map(({ sequence }) => sequence);
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

    test("grow by many small groups and are trimmed from the front", async () => {
      await harness.opened();
      for (let sequence = 0; sequence < 100; sequence++) {
        const inboxes = new Map([[1, inboxAppend(sequence, [0])]]);
        await harness.store.commit(commitGroup({ bodies: [`${sequence}`], inboxes }));
      }
      for (const firstUnacknowledged of [1, 40, 41, 95]) {
        const state = deliveryState({ firstUnacknowledged });
        await harness.store.commit(commitGroup({ deliveryStates: new Map([[1, state]]) }));
        expect((await harness.inbox(1)).length).toBe(100 - firstUnacknowledged);
        expect((await harness.inbox(1))[0]).toBe(`${firstUnacknowledged}:${firstUnacknowledged}`);
      }
      expect((await harness.reopen()).sessions.get(1)).toMatchObject({ queuedMessages: 5, queuedBytes: 10 });
      expect(await harness.inbox(1)).toEqual(["95:95", "96:96", "97:97", "98:98", "99:99"]);
    });
  });
}

function inboxSizeCases(harness: StoreHarness): void {
  describe("inboxes, sizes", () => {
    test("take groups of thousands of messages, and messages of megabytes", async () => {
      await harness.opened();
      const bodies = indexes(5000).map((index) => `message ${index} ${"x".repeat(index % 300)}`);
      bodies[2500] = "m".repeat(3_000_000);
      await harness.store.commit(
        commitGroup({
          bodies,
          inboxes: new Map([
            [1, inboxAppend(0, indexes(5000))],
            [2, inboxAppend(10, indexes(5000).reverse())],
          ]),
        }),
      );
      const expected = bodies.map((body, index) => `${index}:${body}`);
      expect(await harness.inbox(1)).toEqual(expected);
      const { sessions } = await harness.reopen();
      expect(await harness.inbox(1)).toEqual(expected);
      expect(await harness.inbox(2, 5000)).toEqual(
        indexes(10).map((index) => `${5000 + index}:${bodies[9 - index]}`),
      );
      const queuedBytes = bodies.reduce((bytes, body) => bytes + body.length, 0);
      expect(sessions.get(1)).toMatchObject({ queuedMessages: 5000, queuedBytes, nextSequence: 5000 });
      expect(sessions.get(2)).toMatchObject({ queuedMessages: 5000, queuedBytes, nextSequence: 5010 });
    });
  });
}

export function deliveryStateCases(harness: StoreHarness): void {
  describe("delivery states", () => {
    test("come back as they were", async () => {
      await harness.opened();
      const state: DeliveryState = {
        firstUnacknowledged: 70_000_000_000,
        sentBefore: 70_000_000_009,
        acknowledged: [70_000_000_005, 70_000_000_007],
        released: [70_000_000_001],
        inboundPacketIdentifiers: [65_535, 1],
      };
      await harness.store.commit(commitGroup({ deliveryStates: new Map([[2, state]]) }));
      expect((await harness.reopen()).sessions.get(2)?.state).toEqual(state);
    });

    test("hide what is acknowledged, and count only what is not", async () => {
      await harness.opened();
      await harness.store.commit(
        commitGroup({
          bodies: ["a", "bb", "ccc", "dddd"],
          inboxes: new Map([[1, inboxAppend(0, [0, 1, 2, 3])]]),
        }),
      );
      const state = deliveryState({ firstUnacknowledged: 1, sentBefore: 4, acknowledged: [2] });
      await harness.store.commit(commitGroup({ deliveryStates: new Map([[1, state]]) }));
      expect(await harness.inbox(1)).toEqual(["1:bb", "3:dddd"]);
      const { sessions } = await harness.reopen();
      expect(sessions.get(1)).toMatchObject({ queuedMessages: 2, queuedBytes: 6, nextSequence: 4, state });
      expect(await harness.inbox(1)).toEqual(["1:bb", "3:dddd"]);
    });
  });
  acknowledgementCases(harness);
}

function acknowledgementCases(harness: StoreHarness): void {
  describe("delivery states and messages", () => {
    test("may acknowledge what the same group adds", async () => {
      await harness.opened();
      const state = deliveryState({ firstUnacknowledged: 2, sentBefore: 3 });
      await harness.store.commit(
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
      expect(await harness.inbox(1)).toEqual(["2:c"]);
      expect(await harness.inbox(2)).toEqual([]);
      const { sessions } = await harness.reopen();
      expect(sessions.get(1)).toMatchObject({ nextSequence: 3, queuedMessages: 1 });
      expect(sessions.get(2)).toMatchObject({ nextSequence: 7, queuedMessages: 0 });
    });

    test("keep the sequence going when the inbox is empty", async () => {
      await harness.opened();
      await harness.store.commit(
        commitGroup({
          deliveryStates: new Map([
            [1, deliveryState({ firstUnacknowledged: 40, sentBefore: 40 })],
            [2, deliveryState({ firstUnacknowledged: 40, sentBefore: 44 })],
            [3, deliveryState({ firstUnacknowledged: 40, sentBefore: 40, acknowledged: [43] })],
          ]),
        }),
      );
      const { sessions } = await harness.reopen();
      expect([1, 2, 3].map((number) => sessions.get(number)?.nextSequence)).toEqual([40, 44, 44]);
      await harness.store.commit(
        commitGroup({ bodies: ["next"], inboxes: new Map([[1, inboxAppend(40, [0])]]) }),
      );
      expect(await harness.inbox(1, 0)).toEqual(["40:next"]);
      expect((await harness.reopen()).sessions.get(1)?.nextSequence).toBe(41);
    });
  });
}

export function retainedAndWillCases(harness: StoreHarness): void {
  describe("retained messages", () => {
    test("retained messages are set, replaced and deleted by topic", async () => {
      await harness.opened();
      const long = `${"ü".repeat(32_767)}/`;
      const commit = (changes: [string, string | null][]): Promise<void> => {
        const retained = changes.map(
          ([topic, body]) => [topic, body === null ? null : Buffer.from(body)] as const,
        );
        return harness.store.commit(commitGroup({ retained: new Map(retained) }));
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
      expect([...(await harness.reopen()).retained]).toHaveLength(2);
      expect((await harness.reopen()).retained).toEqual(
        new Map([
          [long, "3"],
          ["a", "one"],
        ]),
      );
    });
  });
  willCases(harness);
}

function willCases(harness: StoreHarness): void {
  describe("wills and buffers", () => {
    test("wills are set, replaced and deleted", async () => {
      await harness.opened();
      const will = (body: string): WillRecord => ({
        body: Buffer.from(body),
        willDelayIntervalSeconds: 0xffffffff,
        publishAtMs: 1_700_000_000_001,
      });
      await harness.store.commit(
        commitGroup({
          wills: new Map([
            [1, will("one")],
            [2, will("two")],
          ]),
        }),
      );
      await harness.store.commit(
        commitGroup({
          wills: new Map([
            [1, will("uno")],
            [2, null],
            [3, null],
          ]),
        }),
      );
      const { sessions } = await harness.reopen();
      const found = sessions.get(1)?.will;
      expect({ ...found, body: Buffer.from(found?.body ?? []) }).toEqual(will("uno"));
      expect([sessions.get(2)?.will, sessions.get(3)?.will]).toEqual([undefined, undefined]);
    });

    test("do not change when the caller reuses the buffers of a settled group", async () => {
      await harness.opened();
      const group = commitGroup({
        bodies: ["body"],
        inboxes: new Map([[1, inboxAppend(0, [0])]]),
        retained: new Map([["r", Buffer.from("retained")]]),
      });
      await harness.store.commit(group);
      group.bodies.fill(0);
      group.retained.get("r")?.fill(0);
      expect(await harness.inbox(1)).toEqual(["0:body"]);
      expect((await harness.reopen()).retained.get("r")).toBe("retained");
    });
  });
}
