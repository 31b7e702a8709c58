import { describe, expect, it } from "vitest";
import { useBroker } from "./harness/broker-under-test.ts";
import type { ServerPacket } from "./harness/wire-reader.ts";
import { disconnect, pingreq, puback, pubcomp, publish, pubrec, subscribe } from "./harness/wire-writer.ts";

const session = { sessionExpiryInterval: 100 };
const numbers = (count: number): string[] => Array.from({ length: count }, (_, index) => String(index));

describe("4.6 message order", () => {
  const broker = useBroker();

  it("MQTT-4.6.0-1 the server re-sends in the order in which it sent first, new messages after", async () => {
    const clientId = broker.name();
    const topicName = broker.name();
    const first = await broker.connect({ clientId, properties: session });
    await first.subscribe(topicName);
    const publisher = await broker.connect();
    for (const payload of numbers(10)) {
      await publisher.publish({ topicName, payload, qos: 1 + (Number(payload) % 2) });
    }
    const sent: ServerPacket[] = [];
    for (let count = 0; count < 10; count++) sent.push(await first.expect("PUBLISH"));
    // Acknowledging one in the middle must not change the order of the others.
    first.send(puback(sent[4]!.packetIdentifier));
    await first.fence();
    await first.disconnect();
    await publisher.publish({ topicName, payload: "10", qos: 1 });
    const second = await broker.connect({ clientId, cleanStart: false, properties: session });
    const again = await second.collect(10);
    expect(again.map((message) => message.payload)).toEqual(numbers(11).filter((one) => one !== "4"));
    expect(again.map((message) => message.dup)).toEqual([...Array(9).fill(true), false]);
  });

  it("MQTT-4.6.0-2 the server sends PUBACK in the order of the PUBLISH packets", async () => {
    const client = await broker.connect();
    const identifiers = Array.from({ length: 50 }, (_, index) => 50_000 - index * 7);
    client.send(
      ...identifiers.map((packetIdentifier) => publish({ topicName: "a", qos: 1, packetIdentifier })),
    );
    for (const identifier of identifiers) {
      expect((await client.expect("PUBACK")).packetIdentifier).toBe(identifier);
    }
  });

  it("MQTT-4.6.0-3 the server sends PUBREC in the order of the PUBLISH packets", async () => {
    const client = await broker.connect();
    const identifiers = Array.from({ length: 20 }, (_, index) => 50_000 - index * 7);
    client.send(
      ...identifiers.map((packetIdentifier) => publish({ topicName: "a", qos: 2, packetIdentifier })),
    );
    for (const identifier of identifiers) {
      expect((await client.expect("PUBREC")).packetIdentifier).toBe(identifier);
    }
  });

  it("MQTT-4.6.0-4 the server sends PUBREL in the order of the PUBREC packets", async () => {
    const topicName = broker.name();
    const client = await broker.connect();
    await client.subscribe(topicName);
    const publisher = await broker.connect();
    for (const payload of numbers(10)) await publisher.publish({ topicName, payload, qos: 2 });
    const identifiers: number[] = [];
    for (let count = 0; count < 10; count++) {
      identifiers.push((await client.expect("PUBLISH")).packetIdentifier);
    }
    const shuffled = [3, 1, 4, 0, 5, 9, 2, 6, 8, 7].map((index) => identifiers[index]!);
    client.send(...shuffled.map((identifier) => pubrec(identifier)));
    for (const identifier of shuffled) {
      expect((await client.expect("PUBREL")).packetIdentifier).toBe(identifier);
    }
  });

  it("MQTT-4.6.0-5 messages of one client to one topic arrive in order, whatever the QoS", async () => {
    const topicName = broker.name();
    const publisher = await broker.connect();
    for (const qos of [0, 1, 2]) {
      const subscribers = [await broker.connect(), await broker.connect()];
      for (const subscriber of subscribers) await subscriber.subscribe([[topicName, qos]]);
      publisher.send(
        ...numbers(50).map((payload, index) =>
          publish({ topicName, payload, qos: 1, packetIdentifier: index + 1 }),
        ),
      );
      for (let count = 0; count < 50; count++) await publisher.expect("PUBACK");
      for (const subscriber of subscribers) {
        for (const payload of numbers(50)) expect((await subscriber.receive()).payload).toBe(payload);
        await subscriber.disconnect();
      }
    }
  });

  it("MQTT-4.6.0-6 order is kept by default, also through a queue, wildcards and a reconnect", async () => {
    const clientId = broker.name();
    const topicName = broker.name();
    const first = await broker.connect({ clientId, properties: { ...session, receiveMaximum: 3 } });
    await first.subscribe([[`${topicName}/#`, 1]]);
    const publisher = await broker.connect();
    const publishFrom = async (from: number, to: number): Promise<void> => {
      for (let index = from; index < to; index++) {
        await publisher.publish({ topicName, payload: String(index), qos: 1 });
      }
    };
    await publishFrom(0, 10);
    for (const payload of numbers(5)) expect((await first.receive()).payload).toBe(payload);
    first.send(disconnect());
    await first.collectToClose();
    await publishFrom(10, 20);
    const second = await broker.connect({ clientId, cleanStart: false, properties: session });
    const received: number[] = [];
    for (const message of await second.collect(15)) received.push(Number(message.payload));
    await publishFrom(20, 22);
    received.push(Number((await second.expect("PUBLISH")).payload));
    received.push(Number((await second.expect("PUBLISH")).payload));
    expect(received).toEqual(Array.from({ length: 17 }, (_, index) => index + 5));
  });
});

describe("4.9 flow control", () => {
  const broker = useBroker();

  it("MQTT-4.9.0-1 the server's first burst is as large as the Receive Maximum allows, and no larger", async () => {
    for (const receiveMaximum of [1, 3]) {
      const topicName = broker.name();
      const client = await broker.connect({ properties: { receiveMaximum } });
      await client.subscribe(topicName);
      const publisher = await broker.connect();
      for (let count = 0; count < 6; count++) await publisher.publish({ topicName, qos: 1 });
      expect(await client.collect(receiveMaximum)).toHaveLength(receiveMaximum);
    }
  });

  it("MQTT-4.9.0-2 the quota falls with each PUBLISH and rises with PUBACK and PUBCOMP only", async () => {
    const topicName = broker.name();
    const client = await broker.connect({ properties: { receiveMaximum: 2 } });
    await client.subscribe(topicName);
    const publisher = await broker.connect();
    for (let count = 0; count < 8; count++) {
      await publisher.publish({ topicName, payload: String(count), qos: 2 });
    }
    const [one, two] = [await client.expect("PUBLISH"), await client.expect("PUBLISH")];
    await client.expectNothing();
    client.send(pubrec(one.packetIdentifier));
    await client.expect("PUBREL");
    await client.expectNothing();
    client.send(pubcomp(one.packetIdentifier));
    expect((await client.expect("PUBLISH")).payload).toBe("2");
    // A second PUBCOMP for the same message gives nothing.
    client.send(pubcomp(one.packetIdentifier), puback(one.packetIdentifier));
    await client.expectNothing();
    client.send(pubrec(two.packetIdentifier, 0x83));
    expect((await client.expect("PUBLISH")).payload).toBe("3");
    await client.expectNothing();
  });

  it("MQTT-4.9.0-2 the quota is full again on a new connection", async () => {
    const clientId = broker.name();
    const topicName = broker.name();
    const fields = { clientId, properties: { ...session, receiveMaximum: 2 } };
    const first = await broker.connect(fields);
    await first.subscribe(topicName);
    const publisher = await broker.connect();
    for (let count = 0; count < 4; count++) await publisher.publish({ topicName, qos: 1 });
    expect(await first.collect(2)).toHaveLength(2);
    await first.disconnect();
    const second = await broker.connect({ ...fields, cleanStart: false });
    const messages = await second.collect(2);
    expect(messages.map((message) => message.dup)).toEqual([true, true]);
    second.send(...messages.map((message) => puback(message.packetIdentifier)));
    expect((await second.collect(2)).map((message) => message.dup)).toEqual([false, false]);
  });

  it("MQTT-4.9.0-3 with no quota left the server goes on answering", async () => {
    const topicName = broker.name();
    const client = await broker.connect({ properties: { receiveMaximum: 1 } });
    await client.subscribe(topicName);
    const publisher = await broker.connect();
    for (let count = 0; count < 3; count++) await publisher.publish({ topicName, qos: 1 });
    await client.expect("PUBLISH");
    client.send(
      publish({ topicName: "other", qos: 2, packetIdentifier: 9 }),
      subscribe(10, [["another", 0]]),
      pingreq(),
    );
    const types = (await client.collect(3)).map((packet) => packet.type);
    expect(types.sort()).toEqual(["PINGRESP", "PUBREC", "SUBACK"]);
  });
});
