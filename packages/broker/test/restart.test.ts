import { silentLogger } from "@dunlin/broker";
import { type MemoryClient, messagesOf, settled, VirtualBroker } from "@dunlin/test-kit";
import { beforeEach, describe, expect, test } from "vitest";

const PERSISTENT = { cleanStart: false, properties: { sessionExpiryIntervalSeconds: 3600 } };

type Restart = (virtual: VirtualBroker) => Promise<void>;

describe.each<[string, Restart]>([
  ["a restart", (virtual) => virtual.restart()],
  ["a crash", (virtual) => virtual.crash()],
])("after %s", (_kind, restart) => {
  let virtual: VirtualBroker;

  beforeEach(async () => {
    virtual = await VirtualBroker.start();
  });

  /** Subscribed to "t", its answers up to the test. */
  async function subscriber(clientId = "c"): Promise<MemoryClient> {
    const client = await virtual.connect(clientId, PERSISTENT);
    client.acknowledges = false;
    await client.subscribe("t", 2);
    return client;
  }

  async function back(clientId = "c", acknowledges = true): Promise<MemoryClient> {
    const client = virtual.open();
    client.acknowledges = acknowledges;
    virtual.connack = await client.connect({ clientId, ...PERSISTENT });
    return client;
  }

  test("sessions are present, with subscriptions and all that waited, in order", async () => {
    const client = await subscriber();
    await client.subscribe("s/+", 1, { subscriptionIdentifier: 7, retainAsPublished: true });
    await client.disconnect();
    for (const payload of "123") await virtual.broker.publish({ topicName: "t", payload, qos: 1 });
    await restart(virtual);
    const again = await back();
    expect(virtual.connack?.sessionPresent).toBe(true);
    expect(messagesOf(again.take())).toEqual(["t=1", "t=2", "t=3"]);
    await virtual.broker.publish({ topicName: "s/x", payload: "new", qos: 2, retain: true });
    await settled();
    expect(again.takeOnly("PUBLISH")).toMatchObject([
      { topicName: "s/x", qos: 1, retain: true, properties: { subscriptionIdentifiers: [7] } },
    ]);
  });

  test("what was sent and not acknowledged comes again, marked, under the same identifiers", async () => {
    const client = await subscriber();
    for (const [payload, qos] of [
      ["1", 1],
      ["2", 2],
      ["3", 1],
      ["4", 2],
    ] as const) {
      await virtual.broker.publish({ topicName: "t", payload, qos });
    }
    await settled();
    const sent = client.takeOnly("PUBLISH");
    const identifiers = sent.map(({ packetIdentifier }) => packetIdentifier ?? 0);
    const reason = { reasonCode: 0, properties: {} } as const;
    // The third is done; of the fourth the first half.
    client.send({ type: "PUBACK", packetIdentifier: identifiers[2] ?? 0, ...reason });
    client.send({ type: "PUBREC", packetIdentifier: identifiers[3] ?? 0, ...reason });
    await settled();
    expect(client.take()).toMatchObject([{ type: "PUBREL", packetIdentifier: identifiers[3] }]);
    await virtual.advance(300);
    await restart(virtual);
    const again = await back("c", false);
    const came = again.take();
    expect(came).toMatchObject([
      { type: "PUBLISH", packetIdentifier: identifiers[0], dup: true, qos: 1 },
      { type: "PUBLISH", packetIdentifier: identifiers[1], dup: true, qos: 2 },
      { type: "PUBREL", packetIdentifier: identifiers[3] },
    ]);
    again.send({ type: "PUBCOMP", packetIdentifier: identifiers[3] ?? 0, ...reason });
    await settled();
    await virtual.advance(300);
    await restart(virtual);
    expect((await back("c", false)).take().map(({ type }) => type)).toEqual(["PUBLISH", "PUBLISH"]);
  });

  test("a publish at QoS 2 is not delivered twice, nor a new one with its identifier taken for it", async () => {
    const client = await subscriber("to");
    client.acknowledges = true;
    const from = await virtual.connect("from", PERSISTENT);
    from.acknowledges = false;
    const message = from.message("t", "once", { qos: 2, packetIdentifier: 5 });
    expect(await from.exchange(message)).toMatchObject([{ type: "PUBREC", packetIdentifier: 5 }]);
    expect(messagesOf(client.take())).toEqual(["t=once"]);
    await restart(virtual);
    const to = await back("to");
    const again = await back("from", false);
    expect(await again.exchange({ ...message, dup: true })).toMatchObject([
      { type: "PUBREC", reasonCode: 0 },
    ]);
    const pubrel = { type: "PUBREL", packetIdentifier: 5, reasonCode: 0, properties: {} } as const;
    expect(await again.exchange(pubrel)).toMatchObject([{ type: "PUBCOMP", reasonCode: 0 }]);
    await restart(virtual);
    const last = await back("to");
    const third = await back("from", false);
    await third.exchange(from.message("t", "another", { qos: 2, packetIdentifier: 5 }));
    const seen = [...messagesOf(to.take()), ...messagesOf(last.take())];
    // At most once more each, and then with the identifier it had: here all was acknowledged.
    expect(new Set(seen)).toEqual(new Set(["t=another"]));
  });

  test("retained messages are there, but for those that were deleted or have expired", async () => {
    for (const topicName of ["keep", "delete", "expire", "replace"]) {
      const properties = topicName === "expire" ? { messageExpiryIntervalSeconds: 10 } : {};
      await virtual.broker.publish({ topicName, payload: "old", retain: true, properties });
    }
    await virtual.broker.publish({ topicName: "delete", payload: "", retain: true });
    await virtual.broker.publish({ topicName: "replace", payload: "new", retain: true });
    await restart(virtual);
    await virtual.advance(11_000);
    const client = await virtual.connect("reader");
    await client.subscribe("#");
    expect(messagesOf(client.take()).sort()).toEqual(["keep=old", "replace=new"]);
  });

  test("a client's retained message under $ is there, but not what the broker says itself", async () => {
    const from = await virtual.connect("from");
    expect(await from.publish("$own/t", "kept", { qos: 1, retain: true })).toMatchObject([
      { type: "PUBACK" },
    ]);
    await virtual.broker.publish({ topicName: "$own/broker", payload: "gone", retain: true });
    await restart(virtual);
    const client = await virtual.connect("reader");
    await client.subscribe("$own/#");
    expect(messagesOf(client.take())).toEqual(["$own/t=kept"]);
  });

  test("an unsubscription, an ended session and a clean start are not undone", async () => {
    const client = await subscriber();
    await client.exchange({ type: "UNSUBSCRIBE", packetIdentifier: 50, topicFilters: ["t"], properties: {} });
    await client.disconnect();
    await (await subscriber("ended")).disconnect(0, { sessionExpiryIntervalSeconds: 0 });
    await (await subscriber("clean")).disconnect();
    await virtual.connect("clean", { ...PERSISTENT, cleanStart: true });
    await virtual.advance(300);
    await restart(virtual);
    await virtual.broker.publish({ topicName: "t", payload: "unheard", qos: 1 });
    const present: unknown[] = [];
    for (const clientId of ["c", "ended", "clean"]) {
      const again = await back(clientId);
      present.push(virtual.connack?.sessionPresent);
      expect(messagesOf(again.take())).toEqual([]);
    }
    expect(present).toEqual([true, false, true]);
  });

  test("a client that has no expiry interval has left nothing", async () => {
    await (await virtual.connect("c")).subscribe("t", 1);
    await restart(virtual);
    await back();
    expect(virtual.connack?.sessionPresent).toBe(false);
  });
});

describe("while the broker is down", () => {
  const will = (willDelayIntervalSeconds: number) => ({
    topicName: "will",
    payload: Buffer.from(`after ${willDelayIntervalSeconds}`),
    qos: 1 as const,
    retain: false,
    properties: { willDelayIntervalSeconds },
  });

  let virtual: VirtualBroker;

  beforeEach(async () => {
    virtual = await VirtualBroker.start();
    const listener = await virtual.connect("listener", PERSISTENT);
    await listener.subscribe("#", 1);
    await listener.disconnect();
  });

  async function wills(): Promise<string[]> {
    const listener = await virtual.connect("listener", PERSISTENT);
    const heard = messagesOf(listener.take());
    await listener.disconnect();
    // Its acknowledgements are stored as well.
    await virtual.advance(300);
    return heard;
  }

  test("sessions expire", async () => {
    for (const [clientId, seconds] of [
      ["short", 60],
      ["long", 600],
    ] as const) {
      await (
        await virtual.connect(clientId, { properties: { sessionExpiryIntervalSeconds: seconds } })
      ).cut();
    }
    await virtual.connect("connected", { properties: { sessionExpiryIntervalSeconds: 60 } });
    await virtual.crash(100_000);
    expect(virtual.broker.counters.sessionsExpired).toBe(2);
    const present: unknown[] = [];
    for (const clientId of ["short", "long", "connected"]) {
      await virtual.connect(clientId, PERSISTENT);
      present.push(virtual.connack?.sessionPresent);
    }
    expect(present).toEqual([false, true, false]);
  });

  test("messages expire", async () => {
    for (const seconds of [10, 1000]) {
      const properties = { messageExpiryIntervalSeconds: seconds };
      await virtual.broker.publish({ topicName: "t", payload: String(seconds), qos: 1, properties });
    }
    await virtual.crash(60_000);
    const listener = await virtual.connect("listener", PERSISTENT);
    const [message, ...rest] = listener.takeOnly("PUBLISH");
    expect(rest).toEqual([]);
    const left = message?.properties.messageExpiryIntervalSeconds;
    expect(left).toBeLessThanOrEqual(940);
    expect(left).toBeGreaterThan(930);
  });

  test("wills fall due", async () => {
    await virtual.connect("now", { ...PERSISTENT, will: will(0) });
    await virtual.connect("soon", { ...PERSISTENT, will: will(10) });
    await virtual.connect("late", { ...PERSISTENT, will: will(100) });
    await virtual.crash(30_000);
    expect((await wills()).sort()).toEqual(["will=after 0", "will=after 10"]);
    // Counted from when its connection was lost, however often the broker goes down.
    await virtual.crash(10_000);
    expect(await wills()).toEqual([]);
    await virtual.advance(50_000);
    expect(await wills()).toEqual([]);
    await virtual.advance(20_000);
    expect(await wills()).toEqual(["will=after 100"]);
    await virtual.crash();
    await virtual.advance(200_000);
    expect(await wills()).toEqual([]);
  });

  test("an acknowledgement is sent only once what it promises is stored", async () => {
    const from = await virtual.connect("from", PERSISTENT);
    virtual.store.wait();
    const published = from.exchange(
      from.message("t", "1", { qos: 1 }),
      from.message("nobody", "", { qos: 1, retain: true }),
      from.message("t", "2", { qos: 2 }),
    );
    const subscribing = await virtual.connect("other");
    expect([(await published).length, subscribing.state]).toEqual([0, "open"]);
    virtual.store.work();
    await settled();
    expect(from.take().map(({ type }) => type)).toEqual(["PUBACK", "PUBACK", "PUBREC", "PUBCOMP"]);
    virtual.store.wait();
    const late = virtual.open();
    await expect(late.connect({ clientId: "late", ...PERSISTENT })).rejects.toThrow("No CONNACK");
    await expect(from.subscribe("x")).rejects.toThrow("No SUBACK");
    virtual.store.work();
    await settled();
    expect([late.take(), from.take()]).toMatchObject([[{ type: "CONNACK" }], [{ type: "SUBACK" }]]);
  });

  test("a store that fails keeps only those from coming whom a crash would prove wrong", async () => {
    const ended = await virtual.connect("ended", PERSISTENT);
    virtual.store.fail();
    await ended.disconnect(0, { sessionExpiryIntervalSeconds: 0 });
    expect((await virtual.connect("newcomer")).state).toBe("open");
    // After a crash its session would be present again.
    await expect(virtual.connect("ended")).rejects.toThrow("No CONNACK");
    virtual.store.work();
    await virtual.advance(2000);
    expect((await virtual.connect("ended")).state).toBe("open");
  });

  test("a store that fails is told once, and not for each inbox that cannot be read", async () => {
    const log: string[] = [];
    const noted = { ...silentLogger, error: (_: object, message: string) => log.push(message) };
    virtual = await VirtualBroker.start({ logger: noted });
    await (await virtual.connect("away", PERSISTENT)).subscribe("#", 1);
    await virtual.restart();
    await virtual.broker.publish({ topicName: "t", payload: "kept", qos: 1 });
    const { store } = virtual;
    const readInbox = store.readInbox;
    store.readInbox = () => Promise.reject(new Error("told to fail"));
    const back = await virtual.connect("away", PERSISTENT);
    store.fail();
    void virtual.broker.publish({ topicName: "t", payload: "held", qos: 1 });
    await virtual.advance(10_000);
    expect(log).toEqual(["cannot read the inbox of a session", expect.stringContaining("cannot store")]);
    store.readInbox = readInbox;
    store.work();
    await virtual.advance(2000);
    expect(messagesOf(back.take())).toEqual(["t=kept", "t=held"]);
  });

  test("a store that fails holds acknowledgements back, and nothing is lost", async () => {
    const from = await virtual.connect("from");
    virtual.store.fail();
    expect(await from.publish("t", "kept", { qos: 1 })).toEqual([]);
    await virtual.advance(5000);
    expect(from.take()).toEqual([]);
    expect(virtual.broker.counters.commitFailures).toBeGreaterThanOrEqual(5);
    virtual.store.work();
    await virtual.advance(1000);
    expect(from.take()).toMatchObject([{ type: "PUBACK", reasonCode: 0 }]);
    await virtual.crash();
    expect(await wills()).toEqual(["t=kept"]);
  });
});
