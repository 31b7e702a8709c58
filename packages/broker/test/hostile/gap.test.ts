import { settled, VirtualBroker } from "@dunlin/test-kit";
import { expect, test } from "vitest";

const RECEIVE_MAXIMUM = 10;

test("a client that leaves one message unacknowledged makes no long list of those it has", async () => {
  const virtual = await VirtualBroker.start();
  const properties = { sessionExpiryIntervalSeconds: 60, receiveMaximum: RECEIVE_MAXIMUM };
  const client = await virtual.connect("c", { properties });
  await client.subscribe("t", 1);
  client.acknowledges = false;
  let first: number | undefined;
  client.onPacket = (packet) => {
    if (packet.type !== "PUBLISH") return;
    const { packetIdentifier = 0 } = packet;
    first ??= packetIdentifier;
    if (packetIdentifier === first) return;
    client.send({ type: "PUBACK", packetIdentifier, reasonCode: 0, properties: {} });
  };
  for (let index = 0; index < 1000; index++) {
    await virtual.broker.publish({ topicName: "t", payload: "", qos: 1 });
  }
  await settled();
  const longest = virtual.store.groups
    .flatMap(({ deliveryStates }) => [...deliveryStates.values()])
    .reduce((most, { acknowledged }) => Math.max(most, acknowledged.length), 0);
  expect(longest).toBeGreaterThan(RECEIVE_MAXIMUM);
  expect(longest).toBeLessThan(100);
  // Once it does, all the others come.
  client.acknowledges = true;
  client.onPacket = undefined;
  client.send({ type: "PUBACK", packetIdentifier: first ?? 0, reasonCode: 0, properties: {} });
  await virtual.advance(1000);
  expect(client.takeOnly("PUBLISH")).toHaveLength(1000);
  await virtual.stop();
});
