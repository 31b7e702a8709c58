import { describe, expect, it } from "vitest";
import { useBroker } from "./harness/broker-under-test.ts";
import type { RawClient } from "./harness/raw-client.ts";
import { packet, publish } from "./harness/wire-writer.ts";

/** Subscription Options beside the QoS in bits 0 and 1. */
const retainAsPublished = 0x08;
const retainHandling1 = 0x10;
const retainHandling2 = 0x20;

describe("3.3.1 PUBLISH flags", () => {
  const broker = useBroker();

  async function subscribed(topicFilter: string, options: number): Promise<RawClient> {
    const client = await broker.connect();
    await client.subscribe([[topicFilter, options]]);
    return client;
  }

  async function retain(topicName: string, payload: string, qos: number = 1): Promise<void> {
    const publisher = await broker.connect();
    await publisher.publish({ topicName, payload, retain: true, qos });
  }

  it("MQTT-3.3.1-1 DUP is set on re-delivery", async () => {
    const clientId = broker.name();
    const topicName = broker.name();
    const properties = { sessionExpiryInterval: 100 };
    const first = await broker.connect({ clientId, properties });
    await first.subscribe([[topicName, 2]]);
    const publisher = await broker.connect();
    for (const qos of [1, 2]) await publisher.publish({ topicName, qos });
    const sent = [await first.expect("PUBLISH"), await first.expect("PUBLISH")];
    expect(sent.map((message) => message.dup)).toEqual([false, false]);
    first.drop();
    const second = await broker.connect({ clientId, cleanStart: false, properties });
    for (const { packetIdentifier, qos } of sent) {
      expect(await second.receive()).toMatchObject({ packetIdentifier, qos, dup: true });
    }
  });

  it("MQTT-3.3.1-2 DUP with QoS 0 is refused and never sent", async () => {
    const client = await broker.connect();
    client.send(publish({ topicName: "a", dup: true }));
    await client.expectDisconnect(0x81, 0x82);
    const topicName = broker.name();
    const subscriber = await subscribed(topicName, 0);
    const publisher = await broker.connect();
    publisher.send(publish({ topicName, qos: 1, packetIdentifier: 1, dup: true }));
    expect(await subscriber.receive()).toMatchObject({ qos: 0, dup: false });
  });

  it("MQTT-3.3.1-3 DUP of the incoming PUBLISH is not handed on", async () => {
    const topicName = broker.name();
    const subscriber = await subscribed(topicName, 2);
    const publisher = await broker.connect();
    publisher.send(publish({ topicName, qos: 1, packetIdentifier: 5, dup: true }));
    await publisher.expect("PUBACK");
    expect(await subscriber.receive()).toMatchObject({ qos: 1, dup: false });
    publisher.send(publish({ topicName, qos: 2, packetIdentifier: 6, dup: true }));
    await publisher.expect("PUBREC");
    publisher.send(packet(0x62, Buffer.from([0, 6])));
    await publisher.expect("PUBCOMP");
    expect(await subscriber.receive()).toMatchObject({ qos: 2, dup: false });
  });

  it("MQTT-3.3.1-4 QoS 3 is a Malformed Packet", async () => {
    const client = await broker.connect();
    client.send(publish({ topicName: "a", qos: 3, packetIdentifier: 1 }));
    await client.expectDisconnect(0x81);
  });

  it("MQTT-3.3.1-5 RETAIN 1 replaces the retained message of the topic", async () => {
    const topicName = broker.name();
    await retain(topicName, "old", 2);
    await retain(topicName, "new", 0);
    const subscriber = await subscribed(topicName, 2);
    expect(await subscriber.receive()).toMatchObject({ payload: "new", qos: 0, retain: true });
    await subscriber.fence();
    await retain(topicName, "newest", 1);
    const later = await subscribed(topicName, 2);
    expect(await later.receive()).toMatchObject({ payload: "newest", qos: 1, retain: true });
  });

  it("MQTT-3.3.1-6 an empty payload removes the retained message and is delivered like any other", async () => {
    const topicName = broker.name();
    await retain(topicName, "kept");
    const subscriber = await subscribed(topicName, 0);
    expect((await subscriber.receive()).payload).toBe("kept");
    await retain(topicName, "");
    expect(await subscriber.receive()).toMatchObject({ payload: "", retain: false });
    const late = await subscribed(topicName, 0);
    await late.fence();
  });

  it("MQTT-3.3.1-7 an empty payload is not stored as a retained message", async () => {
    const topicName = broker.name();
    await retain(topicName, "");
    const subscriber = await subscribed(topicName, 0);
    await subscriber.fence();
  });

  it("MQTT-3.3.1-8 RETAIN 0 neither stores nor changes nor removes a retained message", async () => {
    const topicName = broker.name();
    await retain(topicName, "kept");
    const publisher = await broker.connect();
    await publisher.publish({ topicName, payload: "passing", qos: 1 });
    await publisher.publish({ topicName, payload: "", qos: 1 });
    const subscriber = await subscribed(topicName, 0);
    expect(await subscriber.receive()).toMatchObject({ payload: "kept", retain: true });
    const other = broker.name();
    await publisher.publish({ topicName: other, payload: "passing", qos: 1 });
    await (await subscribed(other, 0)).fence();
  });

  it("MQTT-3.3.1-9 Retain Handling 0 sends the matching retained messages at every SUBSCRIBE", async () => {
    const stem = broker.name();
    await retain(`${stem}/a`, "1");
    await retain(`${stem}/b`, "2");
    await retain(`${stem}x`, "3");
    const client = await broker.connect();
    for (let round = 0; round < 2; round++) {
      await client.subscribe([[`${stem}/+`, 0]]);
      const payloads = [await client.receive(), await client.receive()].map((message) => message.payload);
      expect(payloads.sort()).toEqual(["1", "2"]);
      await client.fence();
    }
  });

  it("MQTT-3.3.1-10 Retain Handling 1 sends retained messages for a new subscription only", async () => {
    const topicName = broker.name();
    await retain(topicName, "kept");
    const client = await broker.connect();
    await client.subscribe([[topicName, retainHandling1]]);
    expect((await client.receive()).payload).toBe("kept");
    await client.subscribe([[topicName, retainHandling1]]);
    await client.fence();
    await client.unsubscribe(topicName);
    await client.subscribe([[topicName, retainHandling1]]);
    expect((await client.receive()).payload).toBe("kept");
  });

  it("MQTT-3.3.1-11 Retain Handling 2 sends no retained messages", async () => {
    const topicName = broker.name();
    await retain(topicName, "kept");
    const client = await subscribed(topicName, retainHandling2);
    await client.fence();
    await retain(topicName, "live");
    expect(await client.receive()).toMatchObject({ payload: "live", retain: false });
  });

  it("MQTT-3.3.1-12 Retain As Published 0 clears RETAIN on what is forwarded", async () => {
    const topicName = broker.name();
    const client = await subscribed(topicName, 1);
    await retain(topicName, "live");
    expect(await client.receive()).toMatchObject({ payload: "live", retain: false });
  });

  it("MQTT-3.3.1-13 Retain As Published 1 keeps RETAIN as it came", async () => {
    const topicName = broker.name();
    const client = await subscribed(topicName, 1 | retainAsPublished);
    await retain(topicName, "live");
    expect(await client.receive()).toMatchObject({ payload: "live", retain: true });
    const publisher = await broker.connect();
    await publisher.publish({ topicName, payload: "plain", qos: 1 });
    expect(await client.receive()).toMatchObject({ payload: "plain", retain: false });
  });

  it("MQTT-3.3.1-9 a retained message sent at SUBSCRIBE has RETAIN 1 and all its properties", async () => {
    const topicName = broker.name();
    const publisher = await broker.connect();
    const properties = { contentType: "c", userProperty: [["a", "b"]] as [string, string][] };
    await publisher.publish({ topicName, payload: "kept", retain: true, qos: 2, properties });
    for (const qos of [0, 1, 2]) {
      const client = await subscribed(topicName, qos);
      expect(await client.receive()).toMatchObject({ payload: "kept", retain: true, qos, properties });
    }
  });
});
