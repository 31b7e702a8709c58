import { settled, VirtualBroker } from "@dunlin/test-kit";
import { expect, test } from "vitest";

const PERSISTENT = { properties: { sessionExpiryIntervalSeconds: 3600 } };

async function withStoredSubscribers(count: number, limits = {}): Promise<VirtualBroker> {
  const virtual = await VirtualBroker.start({ limits });
  for (let index = 0; index < count; index++) {
    const subscriber = await virtual.connect(`stored${index}`, PERSISTENT);
    await subscriber.subscribe("t", 1);
    await subscriber.cut();
  }
  virtual.store.wait();
  return virtual;
}

test.each([3, 4] as const)(
  "a client of version %d that waits for no acknowledgement is not read from while the store is slow",
  async (protocolVersion) => {
    const virtual = await withStoredSubscribers(1, { receiveMaximum: 10 });
    const publisher = await virtual.connect("publisher", { protocolVersion });
    for (let index = 0; index < 1000; index++) publisher.send(publisher.message("t", "", { qos: 1 }));
    await settled();
    expect(virtual.broker.counters.publishReceived).toBeLessThan(20);
    expect(virtual.broker.counters.limits.receiveMaximum).toBe(1);
    virtual.store.work();
    await virtual.advance(1000);
    expect(publisher.takeOnly("PUBACK")).toHaveLength(1000);
    await virtual.stop();
  },
);

test("answers to what was never sent do not pile up behind acknowledgements that wait", async () => {
  const virtual = await withStoredSubscribers(1, { receiveMaximum: 10 });
  const client = await virtual.connect("c");
  client.send(client.message("t", "", { qos: 1 }));
  const received = virtual.broker.counters.packetsReceived;
  for (let index = 0; index < 1000; index++) {
    client.send({ type: "PUBREL", packetIdentifier: 77, reasonCode: 0, properties: {} });
  }
  await settled();
  expect(virtual.broker.counters.packetsReceived - received).toBeLessThan(20);
  virtual.store.work();
  await virtual.advance(1000);
  expect(client.takeOnly("PUBCOMP")).toHaveLength(1000);
  await virtual.stop();
});

test("what waits to be stored is limited by all that it takes, not by the messages alone", async () => {
  const virtual = await withStoredSubscribers(100, { maximumPendingCommitBytes: 100_000 });
  const publisher = await virtual.connect("publisher");
  for (let index = 0; index < 1000; index++) publisher.send(publisher.message("t", "", { qos: 1 }));
  await settled();
  expect(virtual.broker.counters.publishReceived).toBeLessThan(50);
  virtual.store.work();
  await virtual.advance(1000);
  expect(publisher.takeOnly("PUBACK")).toHaveLength(1000);
  await virtual.stop();
});
