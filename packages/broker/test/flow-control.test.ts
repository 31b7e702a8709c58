import {
  createMemoryListener,
  type MemoryClient,
  messagesOf,
  settled,
  VirtualBroker,
} from "@dunlin/test-kit";
import { beforeEach, describe, expect, test } from "vitest";

const PERSISTENT = { cleanStart: false, properties: { sessionExpiryIntervalSeconds: 3600 } };

function puback(packetIdentifier: number | undefined): Parameters<MemoryClient["send"]>[0] {
  return { type: "PUBACK", packetIdentifier: packetIdentifier ?? 0, reasonCode: 0, properties: {} };
}

describe("flow control", () => {
  let virtual: VirtualBroker;

  beforeEach(async () => {
    virtual = await VirtualBroker.start({ limits: { maximumOutputBytes: 10_000, receiveMaximum: 3 } });
  });

  async function publishMany(count: number, qos: 0 | 1 | 2, bytes = 1): Promise<void> {
    for (let index = 0; index < count; index++) {
      await virtual.broker.publish({ topicName: "t", payload: String(index).padEnd(bytes, "."), qos });
    }
    await settled();
  }

  test.each([
    ["live", { properties: { receiveMaximum: 2 } }],
    ["stored", { properties: { receiveMaximum: 2, sessionExpiryIntervalSeconds: 60 } }],
  ])("a %s client has as much in flight as its Receive Maximum, and no more", async (_kind, fields) => {
    const client = await virtual.connect("c", fields);
    client.acknowledges = false;
    await client.subscribe("t", 2);
    await publishMany(3, 2);
    await publishMany(3, 1);
    const got: string[] = [];
    for (let round = 0; round < 10; round++) {
      const packets = client.take();
      const publishes = packets.filter(({ type }) => type === "PUBLISH");
      expect(publishes.length).toBeLessThanOrEqual(2);
      got.push(...messagesOf(publishes));
      for (const packet of packets) {
        if (packet.type === "PUBLISH" && packet.qos === 1) client.send(puback(packet.packetIdentifier));
        const reason = { reasonCode: 0, properties: {} } as const;
        if (packet.type === "PUBLISH" && packet.qos === 2) {
          client.send({ type: "PUBREC", packetIdentifier: packet.packetIdentifier ?? 0, ...reason });
        }
        if (packet.type === "PUBREL") {
          client.send({ type: "PUBCOMP", packetIdentifier: packet.packetIdentifier, ...reason });
        }
      }
      await settled();
    }
    expect(got).toEqual(["t=0", "t=1", "t=2", "t=0", "t=1", "t=2"]);
  });

  test("Receive Maximum counts anew on each connection: what an earlier one left unreleased takes none of it", async () => {
    const publisher = await virtual.connect("p", PERSISTENT);
    publisher.acknowledges = false;
    for (let count = 0; count < 3; count++) await publisher.publish("t", "", { qos: 2 });
    await publisher.cut();
    const resumed = await virtual.connect("p", PERSISTENT);
    resumed.acknowledges = false;
    const messages = [11, 12, 13].map((packetIdentifier) =>
      resumed.message("t", "", { qos: 2, packetIdentifier }),
    );
    const answers = await resumed.exchange(...messages);
    expect(answers.map(({ type }) => type)).toEqual(["PUBREC", "PUBREC", "PUBREC"]);
    const [excess] = await resumed.exchange(resumed.message("t", "", { qos: 2, packetIdentifier: 14 }));
    expect(excess).toMatchObject({ type: "DISCONNECT", reasonCode: 0x93 });
  });

  test("a client may use the broker's Receive Maximum to the full, again and again", async () => {
    const client = await virtual.connect("c");
    expect(virtual.connack?.properties.receiveMaximum).toBe(3);
    for (let round = 0; round < 5; round++) {
      const answers = await client.exchange(
        ...[1, 2, 2].map((qos) => client.message("t", "", { qos: qos as 1 | 2 })),
      );
      expect(answers.map(({ type }) => type)).toEqual(["PUBACK", "PUBREC", "PUBREC", "PUBCOMP", "PUBCOMP"]);
    }
    expect(client.state).toBe("open");
  });

  test("packets over a client's Maximum Packet Size are not sent to it, to the byte", async () => {
    // 2 bytes of header, 3 of topic, 1 of properties.
    const client = await virtual.connect("c", {
      properties: { maximumPacketSize: 60, topicAliasMaximum: 5 },
    });
    await client.subscribe("t");
    await client.subscribe("other");
    await virtual.broker.publish({ topicName: "t", payload: "x".repeat(54) });
    await virtual.broker.publish({ topicName: "t", payload: "x".repeat(55) });
    await virtual.broker.publish({ topicName: "other", payload: "y" });
    await settled();
    expect(messagesOf(client.take()).map((message) => message.length)).toEqual([56, 7]);
    expect(virtual.broker.counters.droppedBySize).toBe(1);
  });

  test("a message too large for one is acknowledged in its stead: the next one comes", async () => {
    for (const properties of [{}, { sessionExpiryIntervalSeconds: 60 }]) {
      const client = await virtual.connect("c", { properties: { maximumPacketSize: 50, ...properties } });
      await client.subscribe("t", 1);
      await virtual.broker.publish({ topicName: "t", payload: "x".repeat(100), qos: 1 });
      await virtual.broker.publish({ topicName: "t", payload: "small", qos: 1 });
      await settled();
      expect(messagesOf(client.take())).toEqual(["t=small"]);
    }
  });

  test("topic aliases replace names both ways", async () => {
    const from = await virtual.connect("from");
    const to = await virtual.connect("to", { properties: { topicAliasMaximum: 1 } });
    await to.subscribe("#");
    from.send(from.message("a", "1", { properties: { topicAlias: 7 } }));
    from.send(from.message("", "2", { properties: { topicAlias: 7 } }));
    from.send(from.message("b", "3", { properties: { topicAlias: 7 } }));
    from.send(from.message("", "4", { properties: { topicAlias: 7 } }));
    await settled();
    const got = to.takeOnly("PUBLISH").map(({ topicName, payload, properties }) => {
      return `${topicName}|${Buffer.from(payload).toString()}|${properties.topicAlias ?? ""}`;
    });
    expect(got).toEqual(["a|1|1", "|2|1", "b|3|", "b|4|"]);
    // An alias lasts as long as its connection.
    const again = await virtual.connect("from");
    again.send(again.message("", "5", { properties: { topicAlias: 7 } }));
    await settled();
    expect(again.takeOnly("DISCONNECT").map(({ reasonCode }) => reasonCode)).toEqual([0x82]);
  });

  test("an offline session queues up to its limit; what is over is counted", async () => {
    virtual = await VirtualBroker.start({ limits: { maximumQueuedMessages: 5 } });
    const client = await virtual.connect("c", PERSISTENT);
    await client.subscribe("t", 1);
    await client.cut();
    await publishMany(8, 1);
    await publishMany(2, 0);
    const { droppedByQueueLimit, droppedOffline, messagesDropped } = virtual.broker.counters;
    expect([droppedByQueueLimit, droppedOffline, messagesDropped]).toEqual([3, 2, 5]);
    const back = await virtual.connect("c", PERSISTENT);
    expect(messagesOf(back.take())).toEqual(["t=0", "t=1", "t=2", "t=3", "t=4"]);
    // There is room again once they are acknowledged.
    await publishMany(1, 1);
    expect(messagesOf(back.take())).toEqual(["t=0"]);
  });

  describe("a client that does not read", () => {
    const stream = { windowBytes: 1000 };

    test("loses QoS 0, keeps QoS 1, and costs nobody else anything", async () => {
      const slow = await virtual.connect("slow", { stream });
      const fast = await virtual.connect("fast");
      await slow.subscribe("t", 1);
      await fast.subscribe("t", 1);
      slow.stream.hold();
      await publishMany(40, 0, 500);
      await publishMany(20, 1, 500);
      expect(messagesOf(fast.take())).toHaveLength(60);
      const dropped = virtual.broker.counters.droppedByCongestion;
      expect(dropped).toBeGreaterThan(0);
      expect(virtual.broker.counters.messagesDropped).toBe(dropped);
      expect(slow.state).toBe("open");
      slow.stream.release();
      await settled();
      const got = slow.takeOnly("PUBLISH");
      expect(got.filter(({ qos }) => qos === 0)).toHaveLength(40 - dropped);
      expect(
        messagesOf(got.filter(({ qos }) => qos === 1)).map((each) => Number.parseInt(each.slice(2), 10)),
      ).toEqual(Array.from({ length: 20 }, (_, index) => index));
      expect(slow.state).toBe("open");
    });

    test.each([4, 5] as const)(
      "is closed in the end where it makes the broker talk (version %d)",
      async (protocolVersion) => {
        const disconnections: number[] = [];
        virtual.broker.on("clientDisconnected", ({ reasonCode }) => disconnections.push(reasonCode));
        const slow = await virtual.connect("slow", { stream, protocolVersion });
        const fast = await virtual.connect("fast");
        slow.stream.hold();
        for (let round = 0; round < 200 && slow.state === "open"; round++) {
          for (let count = 0; count < 100; count++) slow.send({ type: "PINGREQ" });
          await settled();
        }
        expect([slow.state, fast.state]).toEqual(["closed", "open"]);
        expect(disconnections).toEqual([0x97]);
        expect(virtual.broker.counters.limits.maximumOutputBytes).toBe(1);
        expect(await fast.exchange({ type: "PINGREQ" })).toEqual([{ type: "PINGRESP" }]);
      },
    );

    test("is not taken for one because of a message larger than its buffer", async () => {
      const client = await virtual.connect("c", { stream });
      await client.subscribe("t", 1);
      for (const qos of [0, 1] as const) {
        await publishMany(1, qos, 100_000);
        expect(messagesOf(client.take())).toHaveLength(1);
      }
      expect(client.state).toBe("open");
    });
  });

  test("a listener's own limits go before the broker's", async () => {
    const narrow = createMemoryListener({
      name: "narrow",
      limits: { maximumConnections: 1, receiveMaximum: 1 },
    });
    const wide = createMemoryListener({ name: "wide" });
    virtual = await VirtualBroker.start({ listeners: [narrow, wide], limits: { receiveMaximum: 9 } });
    await virtual.connect("a", { listener: narrow });
    expect(virtual.connack?.properties.receiveMaximum).toBe(1);
    const refused = virtual.open(5, { listener: narrow });
    await virtual.connect("b", { listener: wide });
    expect(virtual.connack?.properties.receiveMaximum).toBe(9);
    expect(refused.state).toBe("closed");
  });

  test("a memory budget that is used up is free again once clients read", async () => {
    virtual = await VirtualBroker.start({ limits: { memoryBudgetBytes: 5000 } });
    const client = await virtual.connect("c", { properties: { receiveMaximum: 1 } });
    client.acknowledges = false;
    await client.subscribe("t", 1);
    await publishMany(20, 1, 500);
    expect(virtual.broker.counters.limits.memoryBudgetBytes).toBeGreaterThan(0);
    const refused = virtual.open();
    await settled();
    expect(refused.state).toBe("closed");
    client.acknowledges = true;
    client.send(puback(client.takeOnly("PUBLISH")[0]?.packetIdentifier));
    await settled();
    expect((await virtual.connect("new")).state).toBe("open");
  });
});
