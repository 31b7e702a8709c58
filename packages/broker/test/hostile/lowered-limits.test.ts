import { createMemoryStore } from "@dunlin/broker";
import { messagesOf, settled, VirtualBroker } from "@dunlin/test-kit";
import { expect, test } from "vitest";

const DEEP = "1/2/3/4/5/6/7/8/9";
const LONG = `/${"x".repeat(100)}`;
const PERSISTENT = { cleanStart: false, properties: { sessionExpiryIntervalSeconds: 3600 } };

test("what was stored under higher limits is still delivered under lower ones", async () => {
  const store = createMemoryStore();
  const before = await VirtualBroker.start({ store });
  const away = await before.connect("away", PERSISTENT);
  await away.subscribe("#", 1);
  await away.cut();
  const will = { topicName: `will${LONG}`, payload: Buffer.from("gone"), qos: 1, retain: false } as const;
  const properties = { willDelayIntervalSeconds: 60 };
  const willing = await before.connect("willing", { ...PERSISTENT, will: { ...will, properties } });
  for (const topicName of [DEEP, LONG]) {
    await before.broker.publish({ topicName, payload: "kept", qos: 1, retain: true });
  }
  await willing.cut();
  await before.stop();

  const limits = { maximumTopicLevels: 8, maximumTopicLength: 64 };
  const after = await VirtualBroker.start({ store, limits }, before.clock);
  const back = await after.connect("away", PERSISTENT);
  const expected = [`${DEEP}=kept`, `${LONG}=kept`];
  expect(messagesOf(back.take())).toEqual(expected);
  await after.advance(61_000);
  expect(messagesOf(back.take())).toEqual([`will${LONG}=gone`]);
  const other = await after.connect("other");
  await other.subscribe("#");
  await settled();
  expect(messagesOf(other.take()).sort()).toEqual([...expected].sort());
  // New ones are not let in.
  other.send(other.message(`new/${DEEP}`));
  await settled();
  expect(other.takeOnly("DISCONNECT").map(({ reasonCode }) => reasonCode)).toEqual([0x90]);
  await after.stop();
});
