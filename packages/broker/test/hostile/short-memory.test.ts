import { type MemoryClient, settled, VirtualBroker } from "@dunlin/test-kit";
import { expect, test } from "vitest";

const MEBIBYTE = 1024 * 1024;

async function start(): Promise<{ virtual: VirtualBroker; reasons: number[] }> {
  const limits = { memoryBudgetBytes: 8 * MEBIBYTE, maximumOutputBytes: MEBIBYTE };
  const virtual = await VirtualBroker.start({ limits });
  const reasons: number[] = [];
  virtual.broker.on("clientDisconnected", ({ reasonCode }) => reasons.push(reasonCode));
  return { virtual, reasons };
}

async function expectRoom(virtual: VirtualBroker, offenders: readonly MemoryClient[]): Promise<void> {
  await virtual.advance(1000);
  const good = await virtual.connect("good");
  await good.subscribe("good", 1);
  const answers = await good.publish("good", "still here", { qos: 1 });
  expect(answers.map(({ type }) => type).sort()).toEqual(["PUBACK", "PUBLISH"]);
  expect(virtual.broker.counters.limits.memoryBudgetBytes).toBeGreaterThan(0);
  expect(offenders.filter(({ state }) => state === "open").length).toBeGreaterThan(0);
  await virtual.stop();
}

test("clients that do not read make room by their end", async () => {
  const { virtual, reasons } = await start();
  const slow: MemoryClient[] = [];
  for (let index = 0; index < 20; index++) {
    const client = await virtual.connect(`slow${index}`, { stream: { windowBytes: 1000 } });
    await client.subscribe("t", index % 2 === 0 ? 0 : 1);
    client.stream.hold();
    slow.push(client);
  }
  for (let round = 0; round < 5; round++) {
    await virtual.broker.publish({ topicName: "t", payload: Buffer.alloc(MEBIBYTE / 2), qos: 1 });
    await settled();
  }
  await expectRoom(virtual, slow);
  expect(new Set(reasons)).toEqual(new Set([0x97, 0x8b]));
});

test("one payload for many clients is counted once: those who read get it whole", async () => {
  const { virtual, reasons } = await start();
  const readers: MemoryClient[] = [];
  for (let index = 0; index < 20; index++) {
    const client = await virtual.connect(`reader${index}`);
    await client.subscribe("t", index % 3 === 0 ? 0 : 1, { subscriptionIdentifier: index + 1 });
    client.stream.hold();
    readers.push(client);
  }
  for (const topicName of ["t", "t"]) {
    await virtual.broker.publish({ topicName, payload: Buffer.alloc(2 * MEBIBYTE), qos: 1 });
    await virtual.advance(500);
    for (const reader of readers) reader.stream.release();
    await virtual.advance(500);
    for (const reader of readers) reader.stream.hold();
  }
  expect(reasons).toEqual([]);
  for (const reader of readers) expect(reader.takeOnly("PUBLISH")).toHaveLength(2);
  expect(virtual.broker.counters.limits.memoryBudgetBytes).toBe(0);
  await virtual.stop();
});

test("clients that do not read a payload each make room by their end", async () => {
  const { virtual, reasons } = await start();
  const slow: MemoryClient[] = [];
  for (let index = 0; index < 20; index++) {
    const client = await virtual.connect(`slow${index}`);
    await client.subscribe(`t/${index}`);
    client.stream.hold();
    slow.push(client);
  }
  for (let index = 0; index < 20; index++) {
    await virtual.broker.publish({ topicName: `t/${index}`, payload: Buffer.alloc(MEBIBYTE) });
  }
  await expectRoom(virtual, slow);
  expect(reasons.length).toBeGreaterThan(10);
});

test("what waits for sessions in memory leaves room for clients that are there", async () => {
  const { virtual } = await start();
  const persistent = { cleanStart: false, properties: { sessionExpiryIntervalSeconds: 60 } };
  for (let index = 0; index < 20; index++) {
    const client = await virtual.connect(`away${index}`, persistent);
    await client.subscribe(["all", `t/${index}`], 1);
    await client.disconnect();
  }
  // In memory once, however many sessions wait for it.
  await virtual.broker.publish({ topicName: "all", payload: Buffer.alloc(MEBIBYTE), qos: 1 });
  expect(virtual.broker.counters.messagesDropped).toBe(0);
  expect(virtual.store.heldBytes).toBeLessThan(2 * MEBIBYTE);
  for (let index = 0; index < 20; index++) {
    await virtual.broker.publish({ topicName: `t/${index}`, payload: Buffer.alloc(MEBIBYTE), qos: 1 });
  }
  expect(virtual.store.heldBytes).toBeLessThan(6 * MEBIBYTE);
  expect(virtual.broker.counters.messagesDropped).toBeGreaterThan(10);
  expect(virtual.broker.counters.limits.memoryBudgetBytes).toBe(virtual.broker.counters.messagesDropped);
  const good = await virtual.connect("good", persistent);
  await good.subscribe("good", 1);
  await virtual.advance(1000);
  const answers = await good.publish("good", "still here", { qos: 1 });
  expect(answers.map(({ type }) => type).sort()).toEqual(["PUBACK", "PUBLISH"]);
  await good.disconnect();
  await virtual.advance(61_000);
  expect(virtual.store.heldBytes).toBe(0);
  await virtual.stop();
});

test("clients that do not acknowledge make room by their end", async () => {
  const { virtual } = await start();
  const late: MemoryClient[] = [];
  for (let index = 0; index < 10; index++) {
    const client = await virtual.connect(`late${index}`, { properties: { receiveMaximum: 1 } });
    client.acknowledges = false;
    await client.subscribe("t", 1);
    late.push(client);
  }
  for (let round = 0; round < 100; round++) {
    await virtual.broker.publish({ topicName: "t", payload: Buffer.alloc(100_000), qos: 1 });
    await settled();
  }
  await expectRoom(virtual, late);
});

test("clients that begin a packet and do not end it make room by their end", async () => {
  const { virtual } = await start();
  const begun: MemoryClient[] = [];
  for (let index = 0; index < 10; index++) {
    const client = await virtual.connect(`begun${index}`);
    client.sendBytes(Buffer.from([0x30, 0xff, 0xff, 0x7f]));
    client.sendBytes(Buffer.alloc(2 * MEBIBYTE - 100));
    await virtual.advance(100);
    begun.push(client);
  }
  await expectRoom(virtual, begun);
});

test("connections that begin a CONNECT and do not end it make room by their end", async () => {
  const { virtual } = await start();
  const begun: MemoryClient[] = [];
  for (let index = 0; index < 100; index++) {
    const client = virtual.open();
    client.sendBytes(Buffer.from([0x10, 0xf0, 0xff, 0x0f]));
    client.sendBytes(Buffer.alloc(200_000));
    await virtual.advance(100);
    begun.push(client);
  }
  await expectRoom(virtual, begun);
});
