import { type MemoryClient, messagesOf, settled, VirtualBroker } from "@dunlin/test-kit";
import { beforeEach, describe, expect, test } from "vitest";

describe("a shared subscription", () => {
  let virtual: VirtualBroker;

  beforeEach(async () => {
    virtual = await VirtualBroker.start();
  });

  async function member(clientId: string, qos: 0 | 1 | 2 = 2, fields = {}): Promise<MemoryClient> {
    const client = await virtual.connect(clientId, fields);
    await client.subscribe("$share/g/t", qos);
    return client;
  }

  async function publish(payloads: string, qos: 0 | 1 | 2): Promise<void> {
    for (const payload of payloads) await virtual.broker.publish({ topicName: "t", payload, qos });
    await settled();
  }

  test.each([0, 1, 2] as const)(
    "goes round its members (QoS %d), beside those who do not share",
    async (qos) => {
      const members = [await member("a"), await member("b"), await member("c")];
      const alone = await virtual.connect("alone");
      await alone.subscribe("t");
      await publish("123456", qos);
      expect(members.map((each) => messagesOf(each.take()))).toEqual([
        ["t=1", "t=4"],
        ["t=2", "t=5"],
        ["t=3", "t=6"],
      ]);
      expect(messagesOf(alone.take())).toHaveLength(6);
    },
  );

  test("groups of different names each get every message", async () => {
    const one = await member("one");
    const two = await virtual.connect("two");
    await two.subscribe("$share/other/#", 1);
    await publish("12", 1);
    expect([messagesOf(one.take()), messagesOf(two.take())]).toEqual([
      ["t=1", "t=2"],
      ["t=1", "t=2"],
    ]);
  });

  test("passes QoS 1 that a member leaves unacknowledged to another, and QoS 2 to nobody", async () => {
    const [leaving, staying] = [await member("leaving"), await member("staying")];
    leaving.acknowledges = false;
    await publish("1234", 1);
    await publish("5678", 2);
    expect(messagesOf(leaving.take())).toEqual(["t=1", "t=3", "t=5", "t=7"]);
    expect(messagesOf(staying.take())).toEqual(["t=2", "t=4", "t=6", "t=8"]);
    await leaving.cut();
    const passedOn = staying.takeOnly("PUBLISH");
    expect(messagesOf(passedOn)).toEqual(["t=1", "t=3"]);
    expect(passedOn.map(({ dup }) => dup)).toEqual([false, false]);
  });

  test("passes on what still waited for a member, at any QoS", async () => {
    const leaving = await member("leaving", 2, { properties: { receiveMaximum: 1 } });
    leaving.acknowledges = false;
    await publish("12", 1);
    await publish("3", 2);
    const staying = await member("staying");
    await leaving.cut();
    await settled();
    expect(messagesOf(staying.take()).sort()).toEqual(["t=1", "t=2", "t=3"]);
  });

  test("does not pass on what has expired meanwhile", async () => {
    const leaving = await member("leaving");
    leaving.acknowledges = false;
    const properties = { messageExpiryIntervalSeconds: 5 };
    await virtual.broker.publish({ topicName: "t", payload: "old", qos: 1, properties });
    const staying = await member("staying");
    await virtual.advance(6000);
    await leaving.cut();
    expect(messagesOf(staying.take())).toEqual([]);
  });

  test("prefers members that are connected and not busy", async () => {
    const busy = await member("busy", 1, { properties: { receiveMaximum: 1 } });
    busy.acknowledges = false;
    const away = await member("away", 1, { properties: { sessionExpiryIntervalSeconds: 60 } });
    await away.cut();
    const ready = await member("ready", 1);
    await publish("12345", 1);
    expect(messagesOf(busy.take())).toHaveLength(1);
    expect(messagesOf(ready.take())).toHaveLength(4);
  });

  test("waits in a stored session where nobody is connected", async () => {
    const persistent = { cleanStart: false, properties: { sessionExpiryIntervalSeconds: 60 } };
    await (await member("a", 1, persistent)).cut();
    await publish("12", 1);
    expect(messagesOf((await virtual.connect("a", persistent)).take())).toEqual(["t=1", "t=2"]);
  });

  describe("of a stored session that ends", () => {
    const persistent = { cleanStart: false, properties: { sessionExpiryIntervalSeconds: 60 } };

    /** It has t=1 and t=2 at QoS 1 and t=3 at QoS 2 from one group, and all of them from another. */
    async function fill(): Promise<MemoryClient> {
      const leaving = await member("leaving", 2, persistent);
      await leaving.subscribe(["$share/other/#", "alone"], 2);
      leaving.acknowledges = false;
      await leaving.cut();
      await publish("12", 1);
      await publish("3", 2);
      await virtual.broker.publish({ topicName: "alone", payload: "own", qos: 1 });
      return leaving;
    }

    test.each([
      ["expires", () => virtual.advance(62_000)],
      ["is started anew", () => virtual.connect("leaving", { cleanStart: true })],
    ])("passes on what waits in it where it %s", async (_how, end) => {
      await fill();
      const [staying, other] = [await member("staying"), await virtual.connect("other")];
      await other.subscribe("$share/other/#", 2);
      await end();
      await settled();
      expect(messagesOf(staying.take()).sort()).toEqual(["t=1", "t=2", "t=3"]);
      expect(messagesOf(other.take()).sort()).toEqual(["alone=own", "t=1", "t=2", "t=3"]);
      await virtual.advance(1000);
      expect(virtual.store.heldBytes).toBe(0);
    });

    test("passes on what was sent and not acknowledged at QoS 1, not at QoS 2", async () => {
      await fill();
      const back = virtual.open();
      back.acknowledges = false;
      await back.connect({ clientId: "leaving", ...persistent });
      const staying = await member("staying");
      await back.disconnect(0, { sessionExpiryIntervalSeconds: 0 });
      await settled();
      expect(messagesOf(staying.take()).sort()).toEqual(["t=1", "t=2"]);
    });

    test("passes on after a crash what had not been passed on before", async () => {
      await (await member("staying", 2, persistent)).disconnect();
      await (await member("leaving", 2, persistent)).disconnect();
      await publish("1234", 1);
      virtual.store.readInbox = () => Promise.reject(new Error("the disk is gone"));
      const again = await virtual.connect("leaving", { ...persistent, cleanStart: true });
      expect(virtual.connack?.sessionPresent).toBe(false);
      await virtual.crash();
      await settled();
      expect(again.take()).toEqual([]);
      const staying = await virtual.connect("staying", persistent);
      expect(messagesOf(staying.take()).sort()).toEqual(["t=1", "t=2", "t=3", "t=4"]);
      await virtual.connect("leaving", persistent);
      expect(virtual.connack?.sessionPresent).toBe(true);
    });
  });

  test("ends with UNSUBSCRIBE, and sends no retained messages", async () => {
    await virtual.broker.publish({ topicName: "t", payload: "retained", retain: true });
    const client = await member("a");
    expect(messagesOf(client.take())).toEqual([]);
    const topicFilters = ["$share/g/t"];
    await client.exchange({ type: "UNSUBSCRIBE", packetIdentifier: 9, topicFilters, properties: {} });
    await publish("1", 1);
    expect(client.take()).toEqual([]);
  });
});
