import { createMemoryListener, FakeClock, messagesOf, settled, VirtualBroker } from "@dunlin/test-kit";
import { describe, expect, test } from "vitest";
import { type Broker, BrokerError, createBroker, createMemoryStore, type Listener } from "../src/index.ts";

async function codeOf(action: () => unknown): Promise<string> {
  try {
    await action();
  } catch (error) {
    expect(error).toBeInstanceOf(BrokerError);
    return (error as BrokerError).code;
  }
  return "none";
}

describe("a broker in a program", () => {
  test("publishes and subscribes without a listener", async () => {
    await using broker = createBroker();
    await broker.start();
    const got: unknown[] = [];
    const unsubscribe = broker.subscribe("a/+", ({ topicName, payload, retain, properties }) => {
      got.push([topicName, Buffer.from(payload).toString(), retain, properties]);
    });
    const properties = { contentType: "text/plain" };
    await broker.publish({ topicName: "a/b", payload: "one", qos: 2, retain: true, properties });
    await broker.publish({ topicName: "b", payload: "two" });
    await broker.publish({ topicName: "a/c", payload: Uint8Array.of(0x33) });
    unsubscribe();
    unsubscribe();
    await broker.publish({ topicName: "a/b", payload: "late" });
    expect(got).toEqual([
      ["a/b", "one", true, properties],
      ["a/c", "3", false, {}],
    ]);
  });

  test("a subscriber may publish, unsubscribe and fail; the others and the client do not notice", async () => {
    const virtual = await VirtualBroker.start();
    const got: string[] = [];
    virtual.broker.subscribe("t", () => {
      throw new Error("broken on purpose");
    });
    const unsubscribe = virtual.broker.subscribe("t", ({ topicName }) => {
      got.push(topicName);
      unsubscribe();
      void virtual.broker.publish({ topicName: "u", payload: "" });
    });
    virtual.broker.subscribe("+", ({ topicName }) => got.push(topicName));
    const client = await virtual.connect("c");
    const answers = await client.publish("t", "", { qos: 1 });
    expect(answers).toMatchObject([{ type: "PUBACK", reasonCode: 0 }]);
    await client.publish("t", "", { qos: 1 });
    expect(got.sort()).toEqual(["t", "t", "t", "u"]);
    expect(client.state).toBe("open");
  });

  test("tells what happens", async () => {
    const virtual = await VirtualBroker.start();
    const log: unknown[] = [];
    const off: (() => void)[] = [];
    for (const name of [
      "clientConnected",
      "clientDisconnected",
      "sessionStarted",
      "sessionEnded",
      "subscribed",
      "unsubscribed",
    ] as const) {
      off.push(
        virtual.broker.on(name, () => {
          throw new Error("broken on purpose");
        }),
        virtual.broker.on(name, (event) => log.push([name, event])),
      );
    }
    const client = await virtual.connect("c");
    await client.subscribe("t", 1);
    const topicFilters = ["t", "never"];
    await client.exchange({ type: "UNSUBSCRIBE", packetIdentifier: 9, topicFilters, properties: {} });
    await client.disconnect();
    expect(log).toMatchObject([
      ["sessionStarted", { clientId: "c", stored: false }],
      ["clientConnected", { client: { clientId: "c", protocolVersion: 5 }, sessionPresent: false }],
      ["subscribed", { subscription: { topicFilter: "t", qos: 1 } }],
      ["unsubscribed", { topicFilter: "t" }],
      ["clientDisconnected", { reasonCode: 0, byClient: true }],
      ["sessionEnded", { clientId: "c", expired: false }],
    ]);
    for (const each of off) each();
    await virtual.connect("d");
    expect(log).toHaveLength(6);
  });

  test("disconnects a client", async () => {
    const virtual = await VirtualBroker.start();
    const [client, old] = [await virtual.connect("c"), await virtual.connect("old", { protocolVersion: 4 })];
    expect([virtual.broker.disconnect("c", "go"), virtual.broker.disconnect("old")]).toEqual([true, true]);
    expect(virtual.broker.disconnect("nobody")).toBe(false);
    await settled();
    expect(client.take()).toMatchObject([
      { type: "DISCONNECT", reasonCode: 0x98, properties: { reasonString: "go" } },
    ]);
    expect([old.take(), client.state, old.state]).toEqual([[], "closed", "closed"]);
    expect(virtual.broker.disconnect("c")).toBe(false);
  });

  test("sends a client to another server", async () => {
    const virtual = await VirtualBroker.start();
    const client = await virtual.connect("c");
    virtual.broker.disconnect("c", "moving house", "b.example:1883");
    await settled();
    expect(client.take()).toMatchObject([
      { type: "DISCONNECT", reasonCode: 0x9c, properties: { serverReference: "b.example:1883" } },
    ]);
    expect(client.state).toBe("closed");
  });

  test("several live in one process and know nothing of each other", async () => {
    const [one, two] = [await VirtualBroker.start(), await VirtualBroker.start()];
    const clients = [await one.connect("same"), await two.connect("same")];
    for (const client of clients) await client.subscribe("t");
    await one.broker.publish({ topicName: "t", payload: "1", retain: true });
    await settled();
    expect(clients.map((client) => messagesOf(client.take()))).toEqual([["t=1"], []]);
    await one.stop();
    expect(clients.map(({ state }) => state)).toEqual(["closed", "open"]);
  });

  test("refuses topics that are none", async () => {
    await using broker = createBroker({ limits: { maximumTopicLength: 64, maximumTopicLevels: 8 } });
    await broker.start();
    for (const topicName of ["", "a/+", "#", "x".repeat(65), "1/2/3/4/5/6/7/8/9"]) {
      expect(await codeOf(() => broker.publish({ topicName, payload: "" }))).toBe("DUNLIN_OPTION");
    }
    for (const topicFilter of ["", "a/#/b", "a+"]) {
      expect(await codeOf(() => broker.subscribe(topicFilter, () => {}))).toBe("DUNLIN_OPTION");
    }
  });
});

describe("the life of a broker", () => {
  const states = (broker: Broker): Promise<string[]> =>
    Promise.all([
      codeOf(() => broker.publish({ topicName: "t", payload: "" })),
      codeOf(() => broker.subscribe("t", () => {})),
      codeOf(() => broker.start()),
    ]);

  test("goes from new to running to stopped, once", async () => {
    const broker = createBroker();
    expect(broker.state).toBe("new");
    expect((await states(broker)).slice(0, 2)).toEqual(["DUNLIN_STATE", "DUNLIN_STATE"]);
    const other = createBroker();
    await other.start();
    expect(await states(other)).toEqual(["none", "none", "DUNLIN_STATE"]);
    await Promise.all([other.stop(), other.stop()]);
    expect(other.state).toBe("stopped");
    expect(await states(other)).toEqual(["DUNLIN_STATE", "DUNLIN_STATE", "DUNLIN_STATE"]);
    await createBroker().stop();
  });

  test("stops what has been started when something else cannot be", async () => {
    const good = createMemoryListener();
    const bad: Listener = {
      ...createMemoryListener({ name: "bad" }),
      start: () => Promise.reject(new BrokerError("DUNLIN_LISTEN", "in use")),
    };
    const clock = new FakeClock();
    const broker = createBroker({ listeners: [good, bad], clock });
    expect(await codeOf(() => broker.start())).toBe("DUNLIN_LISTEN");
    expect(broker.state).toBe("stopped");
    expect(() => good.connect()).toThrow();
    expect(clock.pendingTimers).toBe(0);
  });

  test("that is stopped while it starts does not come up after all", async () => {
    let go: () => void = () => {};
    const slow: Listener = {
      ...createMemoryListener(),
      start: () =>
        new Promise((resolve) => {
          go = resolve;
        }),
    };
    const last = createMemoryListener();
    const broker = createBroker({ listeners: [slow, last], clock: new FakeClock() });
    const started = codeOf(() => broker.start());
    await settled();
    const stopped = broker.stop();
    await settled();
    go();
    await stopped;
    expect([await started, broker.state]).toEqual(["DUNLIN_STATE", "stopped"]);
    expect(() => last.connect()).toThrow();
  });

  test("a stop says goodbye, publishes wills, and leaves no timer behind", async () => {
    const store = createMemoryStore();
    const virtual = await VirtualBroker.start({ store });
    const persistent = { cleanStart: false, properties: { sessionExpiryIntervalSeconds: 60 } };
    await (await virtual.connect("listener", persistent)).subscribe("will", 1);
    const will = {
      topicName: "will",
      payload: Buffer.from("w"),
      qos: 1,
      retain: false,
      properties: {},
    } as const;
    const client = await virtual.connect("c", { will });
    const old = await virtual.connect("old", { protocolVersion: 3 });
    await virtual.stop();
    expect(client.takeOnly("DISCONNECT").map(({ reasonCode }) => reasonCode)).toEqual([0x8b]);
    expect([client.state, old.state, virtual.clock.pendingTimers]).toEqual(["closed", "closed", 0]);
    const next = await VirtualBroker.start({ store }, virtual.clock);
    expect(messagesOf((await next.connect("listener", persistent)).take())).toEqual(["will=w"]);
  });

  test("a stop waits for a client that still reads, but not for ever", async () => {
    const virtual = await VirtualBroker.start();
    const stuck = await virtual.connect("stuck", { stream: { windowBytes: 10 } });
    stuck.stream.hold();
    const startedMs = virtual.clock.monotonic();
    await virtual.stop();
    expect(virtual.clock.monotonic() - startedMs).toBeGreaterThanOrEqual(3000);
    expect(virtual.clock.monotonic() - startedMs).toBeLessThan(3200);
    expect(stuck.state).toBe("closed");
  });
});
