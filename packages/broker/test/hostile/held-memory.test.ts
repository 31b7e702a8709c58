import type { BrokerLimits } from "@dunlin/broker";
import { afterEach, beforeEach, expect, test } from "vitest";
import { AttackedBroker } from "./attacked-broker.ts";
import { RawClient } from "./raw-client.ts";

const MEBIBYTE = 1024 * 1024;
const LONG = "x".repeat(65_000);
/** With room for the garbage between two collections, of which a busy machine makes more. */
const ALLOWED_BYTES = 250 * MEBIBYTE;

let broker: AttackedBroker;

beforeEach(async () => {
  const limits = { memoryBudgetBytes: 20 * MEBIBYTE, maximumSessionStateBytes: 20 * MEBIBYTE };
  broker = await AttackedBroker.start(limits);
});

afterEach(() => broker.stop());

/** The limit bites, and whoever keeps to it goes on. */
async function expectBounded(limit: keyof BrokerLimits): Promise<void> {
  const { memoryBytes, latencyMs } = await broker.cost();
  expect(memoryBytes).toBeLessThan(ALLOWED_BYTES);
  expect(latencyMs).toBeLessThan(1000);
  expect((await broker.report()).limits[limit]).toBeGreaterThan(0);
}

test("Topic Aliases of long names", async () => {
  // A client that is closed for what it holds need not leave: hence so many.
  for (let index = 0; index < 60; index++) {
    const client = await RawClient.open(broker.tcpUrl);
    client.connect(`alias${index}`);
    for (let topicAlias = 1; topicAlias <= 64; topicAlias++) {
      client.publish({ topicName: `${index}/${topicAlias}/${LONG}`, properties: { topicAlias } });
    }
  }
  await expectBounded("memoryBudgetBytes");
}, 60_000);

test("packets that never end", async () => {
  // PUBLISH, Remaining Length 8,000,002.
  const header = Buffer.from([0x30, 0x82, 0xa4, 0xe8, 0x03, 0, 1, 0x78]);
  const part = Buffer.concat([header, Buffer.alloc(7 * MEBIBYTE)]);
  for (let count = 0; count < 60; ) {
    const client = await RawClient.open(broker.tcpUrl);
    client.connect(`part${count}`);
    // Refused as long as memory is short.
    const isAccepted = await new Promise<boolean>((resolve) => {
      client.socket.once("data", () => resolve(true)).once("close", () => resolve(false));
    });
    if (!isAccepted) continue;
    client.socket.pause();
    await new Promise((resolve) => client.socket.write(part, resolve));
    count++;
  }
  await expectBounded("memoryBudgetBytes");
});

test("wills", async () => {
  const userProperties = [
    ["n", LONG],
    ["n", LONG],
  ] as const;
  const will = {
    topicName: LONG,
    payload: Buffer.alloc(65_000),
    qos: 0,
    retain: false,
    properties: { userProperties },
  } as const;
  for (let index = 0; index < 400; index++) {
    const client = await RawClient.open(broker.tcpUrl);
    client.connect(`will${index}`, { will });
    client.socket.resume();
  }
  await expectBounded("maximumSessionStateBytes");
});

test("Topic Filters", async () => {
  for (let index = 0; index < 40; index++) {
    const client = await RawClient.open(broker.tcpUrl);
    client.connect(`filters${index}`);
    for (let filter = 0; filter < 100; filter++) client.subscribe(`${index}/${filter}/${LONG}`, 0);
    client.socket.resume();
  }
  await expectBounded("maximumSessionStateBytes");
});

test("Client Identifiers of sessions that outlive their connections", async () => {
  for (let index = 0; index < 1500; index++) {
    const client = await RawClient.open(broker.tcpUrl);
    client.connect(`${index}${LONG}`, { properties: { sessionExpiryIntervalSeconds: 0xffffffff } });
    client.socket.end();
    client.socket.resume();
  }
  await expectBounded("maximumSessionStateBytes");
});
