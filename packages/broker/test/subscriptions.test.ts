import { messagesOf, settled, VirtualBroker } from "@dunlin/test-kit";
import { beforeEach, describe, expect, test } from "vitest";

describe("a subscription", () => {
  let virtual: VirtualBroker;

  beforeEach(async () => {
    virtual = await VirtualBroker.start();
  });

  test("with No Local gets everyone's messages but its own", async () => {
    const [client, other] = [await virtual.connect("c"), await virtual.connect("other")];
    await client.subscribe("#", 1, { noLocal: true });
    client.send(client.message("t", "own", { qos: 1 }));
    other.send(other.message("t", "other", { qos: 1 }));
    await settled();
    expect(messagesOf(client.take())).toEqual(["t=other"]);
  });

  test("keeps RETAIN of live messages only with Retain As Published", async () => {
    const [plain, asPublished] = [await virtual.connect("plain"), await virtual.connect("as published")];
    await plain.subscribe("t");
    await asPublished.subscribe("t", 0, { retainAsPublished: true });
    for (const retain of [true, false])
      await virtual.broker.publish({ topicName: "t", payload: "x", retain });
    await settled();
    expect(plain.takeOnly("PUBLISH").map(({ retain }) => retain)).toEqual([false, false]);
    expect(asPublished.takeOnly("PUBLISH").map(({ retain }) => retain)).toEqual([true, false]);
  });

  test.each([
    [0, [1, 1]],
    [1, [1, 0]],
    [2, [0, 0]],
  ] as const)(
    "gets retained messages as Retain Handling %d says, when new and when renewed",
    async (retainHandling, counts) => {
      await virtual.broker.publish({ topicName: "t", payload: "x", retain: true, qos: 2 });
      const client = await virtual.connect("c");
      for (const count of counts) {
        await client.subscribe("t", 1, { retainHandling });
        const messages = client.takeOnly("PUBLISH");
        expect(messages.map(({ qos, retain }) => [qos, retain])).toEqual(Array(count).fill([1, true]));
      }
    },
  );

  test("does not get a retained message that has expired but is not yet cleared away", async () => {
    const properties = { messageExpiryIntervalSeconds: 12 };
    await virtual.broker.publish({ topicName: "t", payload: "x", retain: true, properties });
    await virtual.advance(13_000);
    const client = await virtual.connect("c");
    await client.subscribe("t");
    expect(messagesOf(client.take())).toEqual([]);
  });

  test("that overlaps others brings one copy, at the highest QoS, with all identifiers", async () => {
    const client = await virtual.connect("c");
    await client.subscribe("t/#", 0, { subscriptionIdentifier: 1 });
    await client.subscribe("t/+", 2, { subscriptionIdentifier: 268_435_455 });
    await client.subscribe("t/x", 1);
    await virtual.broker.publish({ topicName: "t/x", payload: "", qos: 2 });
    await settled();
    const [message, ...rest] = client.takeOnly("PUBLISH");
    expect([message?.qos, rest]).toEqual([2, []]);
    expect(message?.properties.subscriptionIdentifiers?.toSorted((a, b) => a - b)).toEqual([1, 268_435_455]);
  });

  test("is replaced by one with the same filter", async () => {
    const client = await virtual.connect("c");
    await client.subscribe("t", 2, { subscriptionIdentifier: 1 });
    await client.subscribe("t", 0);
    await virtual.broker.publish({ topicName: "t", payload: "", qos: 2 });
    await settled();
    expect(client.takeOnly("PUBLISH")).toMatchObject([{ qos: 0, properties: {} }]);
    const packet = { type: "UNSUBSCRIBE", packetIdentifier: 9, properties: {} } as const;
    const [unsuback] = await client.exchange({ ...packet, topicFilters: ["t", "t", "t/#"] });
    expect(unsuback).toMatchObject({ type: "UNSUBACK", reasonCodes: [0, 0x11, 0x11] });
  });

  test("of a slow client gets all retained messages, as fast as it reads", async () => {
    virtual = await VirtualBroker.start({ limits: { maximumOutputBytes: 5000 } });
    const names = Array.from({ length: 600 }, (_, index) => `r/${index}`);
    for (const topicName of names)
      await virtual.broker.publish({ topicName, payload: "x".repeat(50), retain: true });
    const client = await virtual.connect("c", { stream: { windowBytes: 500 } });
    await client.subscribe("r/+", 1);
    for (let round = 0; round < 20; round++) await virtual.advance(100);
    const got = new Set(client.takeOnly("PUBLISH").map(({ topicName }) => topicName));
    expect(got.size).toBe(names.length);
  });
});

test("a client that leaves while its message is looked at does not publish it", async () => {
  const answers: ((allowed: boolean) => void)[] = [];
  const authorizer = { authorize: () => new Promise<boolean>((resolve) => answers.push(resolve)) };
  const virtual = await VirtualBroker.start({ authorizer });
  const heard: string[] = [];
  virtual.broker.subscribe("#", ({ topicName }) => heard.push(topicName));
  const client = await virtual.connect("c");
  client.send(client.message("t"));
  await settled();
  await client.cut();
  for (const answer of answers) answer(true);
  await settled();
  expect([answers.length, heard]).toEqual([1, []]);
});

test("$SYS is told again only where it has changed", async () => {
  const virtual = await VirtualBroker.start({ sysIntervalSeconds: 1 });
  const client = await virtual.connect("c");
  await client.subscribe(["$SYS/broker/uptime", "$SYS/broker/version", "$SYS/broker/clients/+"]);
  await virtual.advance(2000);
  client.take();
  await virtual.advance(3000);
  const topics = client.takeOnly("PUBLISH").map(({ topicName }) => topicName);
  expect(topics).toEqual(["$SYS/broker/uptime", "$SYS/broker/uptime", "$SYS/broker/uptime"]);
});
