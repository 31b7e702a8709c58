import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type BrokerProcess, needsDunlin, startBrokerProcess } from "./harness/broker-process.ts";
import { BrokerUnderTest } from "./harness/broker-under-test.ts";
import { pubcomp, publish, pubrec, pubrel } from "./harness/wire-writer.ts";

const session = { sessionExpiryInterval: 1000 };

describe("what is acknowledged outlives the process", needsDunlin, () => {
  let dataFolder: string;
  let process: BrokerProcess;
  let broker: BrokerUnderTest;

  async function start(): Promise<void> {
    broker = new BrokerUnderTest(async () => {
      process = await startBrokerProcess({ dataFolder });
      return process;
    });
    await broker.start();
  }

  /** As a crash does it: nothing that the broker might write while stopping is written. */
  async function killAndRestart(): Promise<void> {
    await process.kill();
    await broker.stop();
    await start();
  }

  beforeEach(async () => {
    dataFolder = await mkdtemp(join(tmpdir(), "dunlin-conformance-"));
    await start();
  });

  afterEach(async () => {
    await broker.stop();
    await rm(dataFolder, { recursive: true, force: true });
  });

  it("MQTT-3.1.2-23 sessions, subscriptions and queued messages survive kill -9", async () => {
    const first = await broker.connect({ clientId: "reader", properties: session });
    await first.subscribe([["t/#", 2]], { subscriptionIdentifier: [7] });
    await first.disconnect();
    const publisher = await broker.connect();
    const properties = { contentType: "c", userProperty: [["a", "b"]] as [string, string][] };
    for (const qos of [1, 2, 1]) {
      await publisher.publish({ topicName: `t/${qos}`, payload: "stored", qos, properties });
    }
    await killAndRestart();
    const { client, connack } = await broker.connectFully({
      clientId: "reader",
      cleanStart: false,
      properties: session,
    });
    expect(connack.sessionPresent).toBe(true);
    for (const qos of [1, 2, 1]) {
      expect(await client.receive()).toMatchObject({
        topicName: `t/${qos}`,
        payload: "stored",
        qos,
        properties: { ...properties, subscriptionIdentifier: [7] },
      });
    }
    client.send(publish({ topicName: "t/live" }));
    expect((await client.receive()).topicName).toBe("t/live");
  });

  it("MQTT-4.3.3-10 a QoS 2 publish is delivered once, though the broker is killed between its packets", async () => {
    const reader = await broker.connect({ clientId: "reader", properties: session });
    await reader.subscribe("t");
    await reader.disconnect();
    const writer = await broker.connect({ clientId: "writer", properties: session });
    writer.send(publish({ topicName: "t", payload: "once", qos: 2, packetIdentifier: 5 }));
    await writer.expect("PUBREC");
    await killAndRestart();
    const again = await broker.connect({ clientId: "writer", cleanStart: false, properties: session });
    again.send(publish({ topicName: "t", payload: "once", qos: 2, packetIdentifier: 5, dup: true }));
    await again.expect("PUBREC");
    again.send(pubrel(5));
    await again.expect("PUBCOMP");
    const back = await broker.connect({ clientId: "reader", cleanStart: false, properties: session });
    expect((await back.receive()).payload).toBe("once");
    await back.expectNothing();
  });

  it("MQTT-4.4.0-1 PUBLISH and PUBREL in flight are sent again with their identifiers after kill -9", async () => {
    const first = await broker.connect({ clientId: "reader", properties: session });
    await first.subscribe("t");
    const publisher = await broker.connect();
    for (const payload of ["one", "two"]) await publisher.publish({ topicName: "t", payload, qos: 2 });
    const one = await first.expect("PUBLISH");
    const two = await first.expect("PUBLISH");
    first.send(pubrec(one.packetIdentifier));
    await first.expect("PUBREL");
    await killAndRestart();
    const second = await broker.connect({ clientId: "reader", cleanStart: false, properties: session });
    const packets = await second.collect(2);
    expect(packets.filter((packet) => packet.type === "PUBREL")).toMatchObject([
      { packetIdentifier: one.packetIdentifier },
    ]);
    expect(packets.filter((packet) => packet.type === "PUBLISH")).toMatchObject([
      { packetIdentifier: two.packetIdentifier, payload: "two" },
    ]);
    second.send(pubcomp(one.packetIdentifier), pubrec(two.packetIdentifier));
    await second.expect("PUBREL");
  });

  it("MQTT-3.3.1-5 retained messages survive kill -9, and so does their removal", async () => {
    const publisher = await broker.connect();
    await publisher.publish({ topicName: "kept", payload: "x", retain: true, qos: 1 });
    await publisher.publish({ topicName: "gone", payload: "x", retain: true, qos: 1 });
    await publisher.publish({ topicName: "gone", payload: "", retain: true, qos: 1 });
    await killAndRestart();
    const client = await broker.connect();
    await client.subscribe([
      ["kept", 1],
      ["gone", 1],
    ]);
    expect(await client.receive()).toMatchObject({ topicName: "kept", payload: "x", retain: true });
    await client.fence();
  });

  it("MQTT-3.1.2-8 a Will Message that waits for its delay survives kill -9", async () => {
    const will = { topicName: "will", payload: "late", qos: 1, properties: { willDelayInterval: 2 } };
    const reader = await broker.connect({ clientId: "reader", properties: session });
    await reader.subscribe("will");
    const client = await broker.connect({ clientId: "mortal", properties: session, will });
    await client.disconnect(0x04);
    await killAndRestart();
    const back = await broker.connect({ clientId: "reader", cleanStart: false, properties: session });
    expect((await back.receive()).payload).toBe("late");
  });

  it("MQTT-4.1.0-2 the Session Expiry Interval counts on while the broker is down", async () => {
    const first = await broker.connect({ clientId: "reader", properties: { sessionExpiryInterval: 1 } });
    await first.subscribe("t");
    const second = await broker.connect({ clientId: "other", properties: { sessionExpiryInterval: 1 } });
    await first.disconnect();
    await second.expectNothing(1100);
    await killAndRestart();
    const { connack } = await broker.connectFully({ clientId: "reader", cleanStart: false });
    expect(connack.sessionPresent).toBe(false);
  });

  it("MQTT-3.1.2-23 sessions survive an orderly stop, and connected clients are told 0x8B", async () => {
    const client = await broker.connect({ clientId: "reader", properties: session });
    await client.subscribe("t");
    const stopped = process.stop();
    await client.expectDisconnect(0x8b);
    await stopped;
    await start();
    const { connack } = await broker.connectFully({ clientId: "reader", cleanStart: false });
    expect(connack.sessionPresent).toBe(true);
  });
});
