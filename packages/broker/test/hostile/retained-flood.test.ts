import { settled, VirtualBroker } from "@dunlin/test-kit";
import { expect, test } from "vitest";

test("a client that reads gets every retained message, however much they are", async () => {
  const virtual = await VirtualBroker.start({ limits: { maximumOutputBytes: 100_000 } });
  for (let index = 0; index < 100; index++) {
    await virtual.broker.publish({ topicName: `t/${index}`, payload: Buffer.alloc(10_000), retain: true });
  }
  const client = await virtual.connect("c");
  client.send({
    type: "SUBSCRIBE",
    packetIdentifier: 1,
    subscriptions: [
      { topicFilter: "#", qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 },
    ],
    properties: {},
  });
  await virtual.advance(5000);
  expect(client.takeOnly("PUBLISH")).toHaveLength(100);
  expect(virtual.broker.counters.messagesDropped).toBe(0);
  await virtual.stop();
});

test("a client that does not read the retained messages it asked for is closed by its Keep Alive", async () => {
  const virtual = await VirtualBroker.start({ limits: { maximumOutputBytes: 10_000 } });
  for (let index = 0; index < 100; index++) {
    await virtual.broker.publish({ topicName: `t/${index}`, payload: Buffer.alloc(1000), retain: true });
  }
  const client = await virtual.connect("c", { keepAliveSeconds: 10, stream: { windowBytes: 1000 } });
  client.stream.hold();
  client.send({
    type: "SUBSCRIBE",
    packetIdentifier: 1,
    subscriptions: [
      { topicFilter: "#", qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 },
    ],
    properties: {},
  });
  await settled();
  await virtual.advance(45_000);
  expect(virtual.broker.counters).toMatchObject({ keepAliveTimeouts: 1, clientsConnected: 0 });
  await virtual.stop();
});
