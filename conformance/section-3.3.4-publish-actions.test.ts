import { describe, expect, it } from "vitest";
import { needsDunlin } from "./harness/broker-process.ts";
import { useBroker } from "./harness/broker-under-test.ts";
import { embeddedBroker } from "./harness/embedded-broker.ts";
import { pingreq, puback, pubcomp, publish, pubrec, subscribe } from "./harness/wire-writer.ts";

describe("3.3.4 PUBLISH actions", () => {
  const broker = useBroker();

  it("MQTT-3.3.4-1 PUBLISH is answered by nothing, PUBACK or PUBREC as its QoS says", async () => {
    const client = await broker.connect();
    client.send(publish({ topicName: "a" }));
    await client.fence();
    client.send(publish({ topicName: "a", qos: 1, packetIdentifier: 1 }));
    expect(await client.expect("PUBACK")).toMatchObject({ packetIdentifier: 1 });
    client.send(publish({ topicName: "a", qos: 2, packetIdentifier: 2 }));
    expect(await client.expect("PUBREC")).toMatchObject({ packetIdentifier: 2 });
    await client.fence();
  });

  it("MQTT-3.3.4-2 overlapping subscriptions deliver at the highest QoS among them", async () => {
    const stem = broker.name();
    const client = await broker.connect();
    await client.subscribe([
      [`${stem}/x`, 0],
      [`${stem}/#`, 2],
      [`${stem}/+`, 1],
    ]);
    const publisher = await broker.connect();
    await publisher.publish({ topicName: `${stem}/x`, qos: 2 });
    const messages = await client.collect(1);
    expect(Math.max(...messages.map((message) => message.qos))).toBe(2);
  });

  it("MQTT-3.3.4-3 the Subscription Identifier of the matching subscription is sent", async () => {
    const topicName = broker.name();
    const client = await broker.connect();
    await client.subscribe(topicName, { subscriptionIdentifier: [268_435_455] });
    await client.subscribe("other", { subscriptionIdentifier: [7] });
    client.send(publish({ topicName }));
    expect((await client.expect("PUBLISH")).properties.subscriptionIdentifier).toEqual([268_435_455]);
    await client.subscribe(topicName);
    client.send(publish({ topicName }));
    expect((await client.expect("PUBLISH")).properties.subscriptionIdentifier).toBeUndefined();
  });

  it("MQTT-3.3.4-3 a retained message carries the Subscription Identifier too", async () => {
    const topicName = broker.name();
    const client = await broker.connect();
    await client.publish({ topicName, payload: "kept", retain: true, qos: 1 });
    await client.subscribe([[topicName, 0]], { subscriptionIdentifier: [5] });
    expect((await client.receive()).properties.subscriptionIdentifier).toEqual([5]);
  });

  it("MQTT-3.3.4-4 a single copy carries the Subscription Identifiers of all matching subscriptions", async () => {
    const stem = broker.name();
    const client = await broker.connect();
    await client.subscribe([[`${stem}/x`, 0]], { subscriptionIdentifier: [1] });
    await client.subscribe([[`${stem}/x/#`, 1]], { subscriptionIdentifier: [200] });
    await client.subscribe([[`${stem}/+`, 0]]);
    await client.subscribe([[`${stem}/#`, 2]], { subscriptionIdentifier: [1] });
    const publisher = await broker.connect();
    await publisher.publish({ topicName: `${stem}/x`, qos: 1 });
    const messages = await client.collect(1);
    const identifiers = messages.flatMap((message) => message.properties.subscriptionIdentifier ?? []);
    // Two subscriptions share identifier 1: it may stand once or twice.
    expect(new Set(identifiers)).toEqual(new Set([1, 200]));
  });

  it("MQTT-3.3.4-4 overlapping subscriptions get one copy", needsDunlin, async () => {
    const topicName = broker.name();
    const client = await broker.connect();
    await client.subscribe([[topicName, 1]], { subscriptionIdentifier: [1] });
    await client.subscribe([[`${topicName}/#`, 1]], { subscriptionIdentifier: [2] });
    const publisher = await broker.connect();
    await publisher.publish({ topicName, qos: 1 });
    const message = await client.receive();
    expect(message.properties.subscriptionIdentifier?.toSorted()).toEqual([1, 2]);
    await client.expectNothing();
  });

  it("MQTT-3.3.4-6 a PUBLISH from a client with a Subscription Identifier is a Protocol Error", async () => {
    const client = await broker.connect();
    client.send(publish({ topicName: "a", properties: { subscriptionIdentifier: [1] } }));
    await client.expectDisconnect(0x82, 0x81);
  });

  it("MQTT-3.3.4-9 the server keeps to the client's Receive Maximum", async () => {
    const topicName = broker.name();
    const client = await broker.connect({ properties: { receiveMaximum: 2 } });
    await client.subscribe(topicName);
    const publisher = await broker.connect();
    for (const [index, qos] of [1, 2, 1, 2, 1].entries()) {
      await publisher.publish({ topicName, qos, payload: String(index) });
    }
    const first = await client.expect("PUBLISH");
    const second = await client.expect("PUBLISH");
    expect([first.payload, second.payload]).toEqual(["0", "1"]);
    await client.expectNothing();
    client.send(puback(first.packetIdentifier));
    const third = await client.expect("PUBLISH");
    await client.expectNothing();
    // PUBREC leaves the quota as it is, PUBCOMP gives it back.
    client.send(pubrec(second.packetIdentifier));
    await client.expect("PUBREL");
    await client.expectNothing();
    client.send(pubcomp(second.packetIdentifier));
    const fourth = await client.expect("PUBLISH");
    await client.expectNothing();
    // A PUBREC with an error ends the message and gives the quota back.
    client.send(pubrec(fourth.packetIdentifier, 0x80));
    expect((await client.receive()).payload).toBe("4");
    expect(third.payload).toBe("2");
    client.send(puback(third.packetIdentifier));
    await client.fence();
  });

  it("MQTT-3.3.4-9 QoS 0 messages do not count", async () => {
    const topicName = broker.name();
    const client = await broker.connect({ properties: { receiveMaximum: 1 } });
    await client.subscribe(topicName);
    const publisher = await broker.connect();
    await publisher.publish({ topicName, qos: 1 });
    for (let count = 0; count < 3; count++) await publisher.publish({ topicName });
    expect((await client.expect("PUBLISH")).qos).toBe(1);
    for (let count = 0; count < 3; count++) expect((await client.expect("PUBLISH")).qos).toBe(0);
  });

  it("MQTT-3.3.4-10 other packets are not delayed by an exhausted quota", async () => {
    const topicName = broker.name();
    const client = await broker.connect({ properties: { receiveMaximum: 1 } });
    await client.subscribe(topicName);
    const publisher = await broker.connect();
    for (let count = 0; count < 3; count++) await publisher.publish({ topicName, qos: 1 });
    await client.expect("PUBLISH");
    client.send(
      pingreq(),
      subscribe(9, [["b", 0]]),
      publish({ topicName: "c", qos: 1, packetIdentifier: 4 }),
    );
    expect((await client.collect(3)).map((packet) => packet.type).sort()).toEqual([
      "PINGRESP",
      "PUBACK",
      "SUBACK",
    ]);
  });
});

describe("3.3.4 Receive Maximum of the server", needsDunlin, () => {
  const broker = useBroker(embeddedBroker({ limits: { receiveMaximum: 2 } }));

  it("MQTT-3.3.4-7 more unacknowledged publishes than the server's Receive Maximum are refused", async () => {
    const { client, connack } = await broker.connectFully();
    expect(connack.properties.receiveMaximum).toBe(2);
    for (const packetIdentifier of [1, 2]) client.send(publish({ topicName: "a", qos: 2, packetIdentifier }));
    await client.expect("PUBREC");
    await client.expect("PUBREC");
    client.send(publish({ topicName: "a", qos: 2, packetIdentifier: 3 }));
    await client.expectDisconnect(0x93);
  });

  it("MQTT-3.3.4-7 acknowledged publishes no longer count", async () => {
    const client = await broker.connect();
    for (let count = 0; count < 5; count++) {
      await client.publish({ topicName: "a", qos: 1 });
      await client.publish({ topicName: "a", qos: 2 });
    }
    await client.fence();
  });
});
