import { encodePacket } from "@dunlin/protocol";
import { expect, test } from "vitest";
import { Battlefield } from "./battlefield.ts";
import { RawClient } from "./raw-client.ts";

const field = new Battlefield();

/** Publishes to "load" as fast as the broker reads, until it is stopped. */
async function load(payloadBytes: number, qos: 0 | 1): Promise<() => void> {
  const publisher = await RawClient.connected(field.broker.tcpUrl, "load", { protocolVersion: 4 });
  field.clients.push(publisher);
  const { socket } = publisher;
  socket.resume();
  const message = {
    type: "PUBLISH",
    topicName: "load",
    payload: Buffer.alloc(payloadBytes),
    qos,
    retain: false,
    dup: false,
    properties: {},
    ...(qos === 1 ? { packetIdentifier: 1 } : {}),
  } as const;
  const count = Math.ceil(50_000 / payloadBytes);
  const burst = Buffer.concat(Array.from({ length: count }, () => encodePacket(message, 4)));
  const timer = setInterval(() => {
    if (socket.writableLength === 0) socket.write(burst);
  }, 5);
  return () => clearInterval(timer);
}

test.each([0, 1, 2] as const)(
  "a hundred clients that do not read (QoS %d) cost nobody else anything",
  async (qos) => {
    for (const client of await field.connect(100, "slow")) {
      client.subscribe("load", qos);
      client.socket.pause();
    }
    const stop = await load(1000, qos === 0 ? 0 : 1);
    await field.keepOn(1.5, () => {});
    stop();
    expect(await field.counted("messagesDropped")).toBeGreaterThan(0);
  },
);

test("a session that is taken over again and again", async () => {
  const stop = await load(100, 1);
  const properties = { sessionExpiryIntervalSeconds: 60 };
  await field.keepOn(1, async () => {
    const client = await RawClient.open(field.broker.tcpUrl);
    client.connect("taken", { cleanStart: false, properties });
    client.subscribe("load", 1);
    client.socket.resume();
    field.clients.push(client);
  });
  stop();
  expect(await field.counted("sessionsTakenOver")).toBeGreaterThan(30);
});

test("subscriptions that come and go", async () => {
  const stop = await load(100, 1);
  const clients = await field.connect(20, "race");
  await field.keepOn(1, () => {
    for (const client of clients.slice(1)) {
      client.socket.resume();
      client.subscribe("load", 1);
      client.subscribe("+", 0);
      const topicFilters = ["load", "+", "#"];
      client.send({ type: "UNSUBSCRIBE", packetIdentifier: 2, topicFilters, properties: {} });
      client.subscribe("#", 2);
    }
  });
  stop();
  expect(await field.counted("protocolErrors")).toBe(0);
});

test("clients that acknowledge everything but the first message", async () => {
  const properties = { sessionExpiryIntervalSeconds: 60, receiveMaximum: 65_535 };
  for (let index = 0; index < 10; index++) {
    const client = await RawClient.connected(field.broker.tcpUrl, `gap${index}`, { properties });
    client.subscribe("load", 1);
    client.acknowledgeAllButFirst();
    field.clients.push(client);
  }
  const stop = await load(50, 1);
  await field.keepOn(2, () => {});
  stop();
  expect(await field.counted("publishSent")).toBeGreaterThan(0);
});

test("ten thousand overlapping filters with wildcards, and topics that match them all", async () => {
  const [client] = (await field.connect(1, "deep")) as [RawClient];
  client.socket.resume();
  for (let bits = 0; bits < 9000; bits++) {
    const levels = Array.from({ length: 20 }, (_, index) => ((bits >> index) & 1 ? "+" : "a"));
    client.subscribe(`${levels.join("/")}/#`, 0);
  }
  await field.keepOn(1, (round) => {
    if (client.socket.writableLength > 0) return;
    for (let index = 0; index < 200; index++) {
      client.publish({ topicName: `${"a/".repeat(20)}${"b/".repeat(40)}${round}-${index}` });
    }
  });
  expect(await field.counted("publishReceived")).toBeGreaterThan(0);
});
