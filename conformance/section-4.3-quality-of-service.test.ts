import { describe, expect, it } from "vitest";
import { useBroker } from "./harness/broker-under-test.ts";
import type { RawClient } from "./harness/raw-client.ts";
import { puback, pubcomp, publish, pubrec, pubrel } from "./harness/wire-writer.ts";

const session = { sessionExpiryInterval: 100 };

describe("4.3 quality of service", () => {
  const broker = useBroker();

  async function pair(): Promise<{ topicName: string; publisher: RawClient; subscriber: RawClient }> {
    const topicName = broker.name();
    const subscriber = await broker.connect();
    await subscriber.subscribe(topicName);
    return { topicName, subscriber, publisher: await broker.connect() };
  }

  it("MQTT-4.3.1-1 the server sends QoS 0 with DUP 0", async () => {
    const { topicName, publisher, subscriber } = await pair();
    await publisher.publish({ topicName });
    const message = await subscriber.expect("PUBLISH");
    expect(message).toMatchObject({ qos: 0, dup: false });
    await subscriber.fence();
  });

  it("MQTT-4.3.2-1 each new QoS 1 message gets an unused Packet Identifier", async () => {
    const { topicName, publisher, subscriber } = await pair();
    for (let count = 0; count < 10; count++) await publisher.publish({ topicName, qos: 1 });
    const used = new Set<number>();
    for (let count = 0; count < 10; count++) used.add((await subscriber.expect("PUBLISH")).packetIdentifier);
    expect(used.size).toBe(10);
  });

  it("MQTT-4.3.2-2 the server sends QoS 1 with DUP 0 and a Packet Identifier", async () => {
    const { topicName, publisher, subscriber } = await pair();
    await publisher.publish({ topicName, qos: 1 });
    const message = await subscriber.expect("PUBLISH");
    expect(message).toMatchObject({ qos: 1, dup: false });
    expect(message.packetIdentifier).toBeGreaterThan(0);
  });

  it("MQTT-4.3.2-3 a QoS 1 message is unacknowledged until PUBACK comes", async () => {
    const clientId = broker.name();
    const topicName = broker.name();
    const publisher = await broker.connect();
    const first = await broker.connect({ clientId, properties: session });
    await first.subscribe(topicName);
    await publisher.publish({ topicName, qos: 1 });
    const { packetIdentifier } = await first.expect("PUBLISH");
    // Acknowledgements of another kind or another identifier do not count.
    first.send(puback((packetIdentifier % 0xffff) + 1), pubcomp(packetIdentifier));
    await first.fence();
    await first.disconnect();
    const second = await broker.connect({ clientId, cleanStart: false, properties: session });
    expect(await second.receive()).toMatchObject({ packetIdentifier, dup: true });
    await second.fence();
    await second.disconnect();
    const third = await broker.connect({ clientId, cleanStart: false, properties: session });
    await third.expectNothing();
  });

  it("MQTT-4.3.2-4 a QoS 1 message is answered by PUBACK with its Packet Identifier", async () => {
    const client = await broker.connect();
    for (const packetIdentifier of [1, 0x1234, 0xffff]) {
      client.send(publish({ topicName: "a", qos: 1, packetIdentifier }));
      expect((await client.expect("PUBACK")).packetIdentifier).toBe(packetIdentifier);
    }
  });

  it("MQTT-4.3.2-5 after PUBACK the same Packet Identifier is a new message, with DUP or not", async () => {
    const { topicName, publisher, subscriber } = await pair();
    for (const [index, dup] of [false, true, true, false].entries()) {
      publisher.send(publish({ topicName, payload: String(index), qos: 1, packetIdentifier: 8, dup }));
      await publisher.expect("PUBACK");
      expect((await subscriber.receive()).payload).toBe(String(index));
    }
  });

  it("MQTT-4.3.3-1 each new QoS 2 message gets an unused Packet Identifier", async () => {
    const { topicName, publisher, subscriber } = await pair();
    for (let count = 0; count < 10; count++) await publisher.publish({ topicName, qos: 2 });
    const used = new Set<number>();
    for (let count = 0; count < 10; count++) used.add((await subscriber.expect("PUBLISH")).packetIdentifier);
    expect(used.size).toBe(10);
  });

  it("MQTT-4.3.3-2 the server sends QoS 2 with DUP 0 and a Packet Identifier", async () => {
    const { topicName, publisher, subscriber } = await pair();
    await publisher.publish({ topicName, qos: 2 });
    const message = await subscriber.expect("PUBLISH");
    expect(message).toMatchObject({ qos: 2, dup: false });
    expect(message.packetIdentifier).toBeGreaterThan(0);
  });

  it("MQTT-4.3.3-3 a QoS 2 message is unacknowledged until PUBREC comes", async () => {
    const clientId = broker.name();
    const topicName = broker.name();
    const first = await broker.connect({ clientId, properties: session });
    await first.subscribe(topicName);
    await (await broker.connect()).publish({ topicName, qos: 2 });
    const { packetIdentifier } = await first.expect("PUBLISH");
    first.send(puback(packetIdentifier), pubcomp(packetIdentifier));
    await first.fence();
    await first.disconnect();
    const second = await broker.connect({ clientId, cleanStart: false, properties: session });
    expect(await second.receive()).toMatchObject({ packetIdentifier, dup: true, qos: 2 });
  });

  it("MQTT-4.3.3-4 PUBREC without error is answered by PUBREL with the same Packet Identifier", async () => {
    const { topicName, publisher, subscriber } = await pair();
    for (const reasonCode of [0x00, 0x10]) {
      await publisher.publish({ topicName, qos: 2 });
      const { packetIdentifier } = await subscriber.expect("PUBLISH");
      subscriber.send(pubrec(packetIdentifier, reasonCode));
      expect(await subscriber.expect("PUBREL")).toMatchObject({ packetIdentifier, reasonCode: 0 });
      subscriber.send(pubcomp(packetIdentifier));
    }
    await subscriber.fence();
  });

  it("MQTT-4.3.3-5, MQTT-4.3.3-6 until PUBCOMP it is PUBREL that is sent again, and no more the PUBLISH", async () => {
    const clientId = broker.name();
    const topicName = broker.name();
    let client = await broker.connect({ clientId, properties: session });
    await client.subscribe(topicName);
    await (await broker.connect()).publish({ topicName, qos: 2 });
    const { packetIdentifier } = await client.expect("PUBLISH");
    client.send(pubrec(packetIdentifier));
    await client.expect("PUBREL");
    for (let round = 0; round < 2; round++) {
      await client.disconnect();
      client = await broker.connect({ clientId, cleanStart: false, properties: session });
      expect((await client.expect("PUBREL")).packetIdentifier).toBe(packetIdentifier);
      await client.expectNothing();
    }
    client.send(pubcomp(packetIdentifier));
    await client.fence();
    await client.disconnect();
    client = await broker.connect({ clientId, cleanStart: false, properties: session });
    await client.expectNothing();
  });

  it("MQTT-4.3.3-8 a QoS 2 message is answered by PUBREC with its Packet Identifier", async () => {
    const client = await broker.connect();
    for (const packetIdentifier of [1, 0x1234, 0xffff]) {
      client.send(publish({ topicName: "a", qos: 2, packetIdentifier }));
      expect((await client.expect("PUBREC")).packetIdentifier).toBe(packetIdentifier);
    }
  });

  it("MQTT-4.3.3-10 until PUBREL the same PUBLISH is answered by PUBREC and delivered once", async () => {
    const { topicName, publisher, subscriber } = await pair();
    for (const dup of [false, true, true]) {
      publisher.send(publish({ topicName, qos: 2, packetIdentifier: 4, dup }));
      expect(await publisher.expect("PUBREC")).toMatchObject({ packetIdentifier: 4 });
    }
    publisher.send(pubrel(4));
    await publisher.expect("PUBCOMP");
    await subscriber.receive();
    await subscriber.expectNothing();
  });

  it("MQTT-4.3.3-10 a QoS 2 message is delivered once across reconnects", async () => {
    const clientId = broker.name();
    const { topicName, subscriber } = await pair();
    const first = await broker.connect({ clientId, properties: session });
    first.send(publish({ topicName, qos: 2, packetIdentifier: 4 }));
    await first.expect("PUBREC");
    first.drop();
    const second = await broker.connect({ clientId, cleanStart: false, properties: session });
    second.send(publish({ topicName, qos: 2, packetIdentifier: 4, dup: true }));
    await second.expect("PUBREC");
    second.send(pubrel(4));
    await second.expect("PUBCOMP");
    await subscriber.receive();
    await subscriber.expectNothing();
  });

  it("MQTT-4.3.3-11 PUBREL is answered by PUBCOMP with its Packet Identifier, as often as it comes", async () => {
    const client = await broker.connect();
    client.send(publish({ topicName: "a", qos: 2, packetIdentifier: 0x4321 }));
    await client.expect("PUBREC");
    for (let count = 0; count < 2; count++) {
      client.send(pubrel(0x4321));
      expect((await client.expect("PUBCOMP")).packetIdentifier).toBe(0x4321);
    }
  });

  it("MQTT-4.3.3-12 after PUBCOMP the same Packet Identifier is a new message", async () => {
    const { topicName, publisher, subscriber } = await pair();
    for (const [index, dup] of [false, true].entries()) {
      publisher.send(publish({ topicName, payload: String(index), qos: 2, packetIdentifier: 4, dup }));
      await publisher.expect("PUBREC");
      publisher.send(pubrel(4));
      await publisher.expect("PUBCOMP");
      expect((await subscriber.receive()).payload).toBe(String(index));
    }
  });
});
