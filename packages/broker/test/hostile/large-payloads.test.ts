import { type MemoryClient, settled, VirtualBroker } from "@dunlin/test-kit";
import { expect, test } from "vitest";

const MEBIBYTE = 1024 * 1024;

test("a large payload reaches subscribers of every kind whole", async () => {
  const virtual = await VirtualBroker.start();
  const payload = Buffer.alloc(2 * MEBIBYTE, "abcdefg");
  const subscribers: MemoryClient[] = [];
  for (const qos of [0, 1, 2] as const) {
    for (const properties of [{}, { topicAliasMaximum: 5 }, { sessionExpiryIntervalSeconds: 60 }]) {
      const subscriber = await virtual.connect(`subscriber${subscribers.length}`, { properties });
      await subscriber.subscribe("t", qos, { subscriptionIdentifier: subscribers.length + 1 });
      subscribers.push(subscriber);
    }
  }
  let local = 0;
  virtual.broker.subscribe("t", (message) => {
    local += payload.compare(message.payload) === 0 ? 1 : 0;
  });
  const publisher = await virtual.connect("publisher");
  await publisher.publish("t", payload, { qos: 2 });
  // Its memory is the program's again.
  const own = Buffer.from(payload);
  await virtual.broker.publish({ topicName: "t", payload: own, qos: 1 });
  own.fill(0);
  await settled();
  expect(local).toBe(2);
  for (const subscriber of subscribers) {
    const got = subscriber.takeOnly("PUBLISH").map((message) => payload.compare(message.payload));
    expect(got).toEqual([0, 0]);
  }
  await virtual.stop();
});
