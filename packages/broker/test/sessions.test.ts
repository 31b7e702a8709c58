import type { Will } from "@dunlin/protocol";
import { messagesOf, settled, VirtualBroker } from "@dunlin/test-kit";
import { beforeEach, describe, expect, test } from "vitest";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

function will(payload: string, properties: Will["properties"] = {}, fields: Partial<Will> = {}): Will {
  return { topicName: "will", payload: Buffer.from(payload), qos: 1, retain: false, properties, ...fields };
}

describe("a session", () => {
  let virtual: VirtualBroker;
  let heard: string[];

  beforeEach(async () => {
    virtual = await VirtualBroker.start();
    heard = [];
    virtual.broker.subscribe("#", ({ topicName, payload }) => {
      heard.push(`${topicName}=${Buffer.from(payload).toString()}`);
    });
  });

  const expiring = (seconds: number, fields = {}) => ({
    cleanStart: false,
    properties: { sessionExpiryIntervalSeconds: seconds },
    ...fields,
  });

  async function present(seconds = 60): Promise<boolean | undefined> {
    await virtual.connect("c", expiring(seconds));
    return virtual.connack?.sessionPresent;
  }

  test("lives as long as its expiry interval after the connection, and no longer", async () => {
    const ended: unknown[] = [];
    virtual.broker.on("sessionEnded", (event) => ended.push(event));
    const client = await virtual.connect("c", expiring(60));
    await virtual.advance(HOUR_MS);
    await client.cut();
    await virtual.advance(59_900);
    expect(await present()).toBe(true);
    expect(virtual.broker.disconnect("c")).toBe(true);
    await virtual.advance(60_200);
    expect(ended).toEqual([{ clientId: "c", expired: true }]);
    expect(virtual.broker.counters.sessionsExpired).toBe(1);
    expect(await present()).toBe(false);
  });

  test("ends with its connection where the interval is 0", async () => {
    const client = await virtual.connect("c", expiring(0));
    await client.subscribe("t", 1);
    await client.cut();
    expect(await present()).toBe(false);
  });

  test("lasts for ever where the interval is 0xFFFFFFFF, and before MQTT 5.0", async () => {
    await (await virtual.connect("c", expiring(0xffffffff))).cut();
    await (await virtual.connect("old", { protocolVersion: 4, cleanStart: false })).cut();
    virtual.clock.setNow(virtual.clock.now() + 4000 * DAY_MS);
    await virtual.advance(1000);
    expect(await present()).toBe(true);
    await virtual.connect("old", { protocolVersion: 4, cleanStart: false });
    expect(virtual.connack?.sessionPresent).toBe(true);
  });

  test("ends when DISCONNECT says so, and cannot be given life by it", async () => {
    const client = await virtual.connect("c", expiring(60));
    await client.disconnect(0, { sessionExpiryIntervalSeconds: 0 });
    expect(await present(0)).toBe(false);
    const other = await virtual.connect("other", expiring(0));
    other.send({ type: "DISCONNECT", reasonCode: 0, properties: { sessionExpiryIntervalSeconds: 5 } });
    await settled();
    expect(other.takeOnly("DISCONNECT").map(({ reasonCode }) => reasonCode)).toEqual([0x82]);
  });

  test("is discarded by Clean Start, with its subscriptions and messages", async () => {
    const client = await virtual.connect("c", expiring(60));
    await client.subscribe("t", 1);
    await client.cut();
    await virtual.broker.publish({ topicName: "t", payload: "lost", qos: 1 });
    const clean = await virtual.connect("c", { ...expiring(60), cleanStart: true });
    expect(virtual.connack?.sessionPresent).toBe(false);
    await virtual.broker.publish({ topicName: "t", payload: "unheard", qos: 1 });
    await settled();
    expect(messagesOf(clean.take())).toEqual([]);
  });

  test("is taken over: the older connection is told, and its will is published", async () => {
    const older = await virtual.connect("c", expiring(60, { will: will("bye") }));
    const newer = await virtual.connect("c", expiring(60));
    expect(virtual.connack?.sessionPresent).toBe(true);
    expect(older.takeOnly("DISCONNECT").map(({ reasonCode }) => reasonCode)).toEqual([0x8e]);
    expect([older.state, newer.state, heard]).toEqual(["closed", "open", ["will=bye"]]);
    const { clientsConnected, sessionsTakenOver } = virtual.broker.counters;
    expect([clientsConnected, sessionsTakenOver]).toEqual([1, 1]);
  });

  test("that is taken over keeps a delayed will back, unless it starts clean", async () => {
    const delayed = will("late", { willDelayIntervalSeconds: 10 });
    await virtual.connect("c", expiring(60, { will: delayed }));
    await virtual.connect("c", expiring(60));
    await virtual.advance(20_000);
    expect(heard).toEqual([]);
    await virtual.connect("c", expiring(60, { will: delayed }));
    await virtual.connect("c", { cleanStart: true });
    expect(heard).toEqual(["will=late"]);
  });

  test("taken over by two at once goes to the last one", async () => {
    const clients = ["a", "b", "c"].map(() => virtual.open());
    await Promise.allSettled(clients.map((client) => client.connect({ clientId: "c", ...expiring(60) })));
    expect(clients.map(({ state }) => state)).toEqual(["closed", "closed", "open"]);
    expect(virtual.broker.counters.clientsConnected).toBe(1);
  });

  describe("and its will", () => {
    test("is published when the connection breaks, not when DISCONNECT 0 comes", async () => {
      await (await virtual.connect("a", { will: will("a") })).disconnect();
      await (await virtual.connect("b", { will: will("b") })).cut();
      await (await virtual.connect("c", { will: will("c") })).disconnect(0x04);
      await (await virtual.connect("d", { will: will("d"), protocolVersion: 4 })).disconnect();
      expect(heard).toEqual(["will=b", "will=c"]);
      expect(virtual.broker.counters.wills).toBe(2);
    });

    test("waits for its delay", async () => {
      const client = await virtual.connect(
        "c",
        expiring(60, { will: will("w", { willDelayIntervalSeconds: 10 }) }),
      );
      await client.cut();
      await virtual.advance(9900);
      expect(heard).toEqual([]);
      await virtual.advance(300);
      expect(heard).toEqual(["will=w"]);
      await virtual.advance(HOUR_MS);
      expect(heard).toEqual(["will=w"]);
    });

    test("comes with the end of the session where that is sooner than its delay", async () => {
      const client = await virtual.connect(
        "c",
        expiring(5, { will: will("w", { willDelayIntervalSeconds: 10 }) }),
      );
      await client.cut();
      await virtual.advance(4900);
      expect(heard).toEqual([]);
      await virtual.advance(300);
      expect(heard).toEqual(["will=w"]);
    });

    test("is void once its client is back in time", async () => {
      const client = await virtual.connect(
        "c",
        expiring(60, { will: will("w", { willDelayIntervalSeconds: 10 }) }),
      );
      await client.cut();
      await virtual.advance(5000);
      await virtual.connect("c", expiring(60));
      await virtual.advance(20_000);
      expect(heard).toEqual([]);
      // The new connection has no will.
      virtual.broker.disconnect("c");
      await virtual.advance(20_000);
      expect(heard).toEqual([]);
    });

    test("is retained, and expires from its publication on", async () => {
      const properties = {
        willDelayIntervalSeconds: 10,
        messageExpiryIntervalSeconds: 20,
        contentType: "text",
      };
      const client = await virtual.connect(
        "c",
        expiring(60, { will: will("w", properties, { retain: true }) }),
      );
      await client.cut();
      await virtual.advance(15_000);
      const other = await virtual.connect("other");
      await other.subscribe("will", 1);
      const [message] = other.takeOnly("PUBLISH");
      expect(message).toMatchObject({ retain: true, qos: 1, properties: { contentType: "text" } });
      // Published about 5 s ago.
      expect(message?.properties.messageExpiryIntervalSeconds).toBeGreaterThanOrEqual(15);
      expect(message?.properties.messageExpiryIntervalSeconds).toBeLessThanOrEqual(16);
      await virtual.advance(40_000);
      await other.subscribe("will", 1);
      expect(other.takeOnly("PUBLISH")).toEqual([]);
    });
  });
});
