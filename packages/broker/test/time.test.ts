import { messagesOf, settled, VirtualBroker } from "@dunlin/test-kit";
import { beforeEach, describe, expect, test } from "vitest";

const PERSISTENT = { cleanStart: false, properties: { sessionExpiryIntervalSeconds: 3600 } };

describe("time", () => {
  let virtual: VirtualBroker;

  beforeEach(async () => {
    virtual = await VirtualBroker.start();
  });

  test("closes who has not connected in time", async () => {
    const [silent, slow, quick] = [virtual.open(), virtual.open(), virtual.open()];
    await virtual.advance(9500);
    await quick.connect({ clientId: "quick" });
    slow.sendBytes(Uint8Array.of(0x10));
    await virtual.advance(1000);
    expect([silent.state, slow.state, quick.state]).toEqual(["closed", "closed", "open"]);
  });

  test.each([0, 33, 99])(
    "closes who is silent for one and a half times the Keep Alive, never early (%d ms)",
    async (phase) => {
      await virtual.advance(phase);
      const client = await virtual.connect("c", { keepAliveSeconds: 2 });
      const startMs = virtual.clock.monotonic();
      while (client.state === "open") {
        virtual.clock.advance(1);
        await settled();
      }
      const silentMs = virtual.clock.monotonic() - startMs;
      expect(silentMs).toBeGreaterThanOrEqual(3000);
      expect(silentMs).toBeLessThanOrEqual(3300);
      expect(client.takeOnly("DISCONNECT").map(({ reasonCode }) => reasonCode)).toEqual([0x8d]);
      expect(virtual.broker.counters.keepAliveTimeouts).toBe(1);
    },
  );

  test("any packet keeps a client alive; only a Keep Alive of 0 needs none", async () => {
    const pinging = await virtual.connect("pinging", { keepAliveSeconds: 2 });
    const free = await virtual.connect("free", { keepAliveSeconds: 0 });
    for (let round = 0; round < 20; round++) {
      await virtual.advance(2000);
      expect(await pinging.exchange({ type: "PINGREQ" })).toEqual([{ type: "PINGRESP" }]);
    }
    // What it gets is no sign of life.
    await pinging.subscribe("t");
    for (let round = 0; round < 40; round++) {
      await virtual.broker.publish({ topicName: "t", payload: "" });
      await virtual.advance(100);
    }
    expect([pinging.state, free.state]).toEqual(["closed", "open"]);
  });

  test("counts a message's expiry down while it waits, and deletes it when it is over", async () => {
    const properties = { messageExpiryIntervalSeconds: 10 };
    const client = await virtual.connect("c", PERSISTENT);
    await client.subscribe("t", 1);
    await client.cut();
    await virtual.broker.publish({ topicName: "t", payload: "a", qos: 1, properties });
    await virtual.advance(4000);
    await virtual.broker.publish({ topicName: "t", payload: "b", qos: 1, properties });
    await virtual.advance(6500);
    const back = await virtual.connect("c", PERSISTENT);
    const found = back.takeOnly("PUBLISH");
    expect(found.map(({ payload }) => Buffer.from(payload).toString())).toEqual(["b"]);
    expect(found[0]?.properties).toEqual({ messageExpiryIntervalSeconds: 4 });
    expect(virtual.broker.counters.droppedByExpiry).toBe(1);
  });

  test("what waits in memory for a slow client expires too", async () => {
    const client = await virtual.connect("c", { properties: { receiveMaximum: 1 } });
    client.acknowledges = false;
    await client.subscribe("t", 1);
    for (const [payload, seconds] of [
      ["first", 100],
      ["second", 5],
      ["third", 100],
    ] as const) {
      const properties = { messageExpiryIntervalSeconds: seconds };
      await virtual.broker.publish({ topicName: "t", payload, qos: 1, properties });
    }
    await virtual.advance(6000);
    const [first] = client.takeOnly("PUBLISH");
    const packetIdentifier = first?.packetIdentifier ?? 0;
    const next = await client.exchange({ type: "PUBACK", packetIdentifier, reasonCode: 0, properties: {} });
    expect(messagesOf(next)).toEqual(["t=third"]);
    expect(virtual.broker.counters.droppedByExpiry).toBe(1);
  });

  test("takes retained messages away when they expire", async () => {
    const properties = { messageExpiryIntervalSeconds: 30 };
    await virtual.broker.publish({ topicName: "t", payload: "x", retain: true, properties });
    const client = await virtual.connect("c");
    await virtual.advance(12_000);
    await client.subscribe("t");
    expect(client.takeOnly("PUBLISH")[0]?.properties).toEqual({ messageExpiryIntervalSeconds: 18 });
    await virtual.advance(18_000);
    await client.subscribe("t");
    expect(client.takeOnly("PUBLISH")).toEqual([]);
  });

  test("that the administrator sets neither ends sessions early nor closes connections", async () => {
    const client = await virtual.connect("c", { keepAliveSeconds: 10 });
    await (await virtual.connect("away", PERSISTENT)).cut();
    virtual.clock.setNow(virtual.clock.now() - 1_000_000_000);
    await virtual.advance(5000);
    expect(client.state).toBe("open");
    await virtual.connect("away", PERSISTENT);
    expect(virtual.connack?.sessionPresent).toBe(true);
  });
});
