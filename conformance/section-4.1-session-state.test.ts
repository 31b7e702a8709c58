import { describe, expect, it } from "vitest";
import { useBroker } from "./harness/broker-under-test.ts";
import type { RawClient } from "./harness/raw-client.ts";
import type { ServerPacket } from "./harness/wire-reader.ts";
import { hex, pingreq, puback, pubcomp, publish, pubrec, pubrel, subscribe } from "./harness/wire-writer.ts";

const session = { sessionExpiryInterval: 100 };

describe("4.1 to 4.4 session state and redelivery", () => {
  const broker = useBroker();

  async function away(clientId: string, topicName: string): Promise<void> {
    const client = await broker.connect({ clientId, properties: session });
    await client.subscribe(topicName);
    await client.disconnect();
  }

  const back = (clientId: string): Promise<RawClient> =>
    broker.connect({ clientId, cleanStart: false, properties: session });

  it("MQTT-4.2-1 TCP carries the packets, however the stream is cut", async () => {
    const topicName = broker.name();
    const client = await broker.connect();
    const stream = Buffer.concat([
      subscribe(1, [[topicName, 0]]),
      publish({ topicName, payload: "x".repeat(300), qos: 1, packetIdentifier: 2 }),
      pingreq(),
    ]);
    for (const byte of stream) client.send(Buffer.from([byte]));
    await client.expect("SUBACK");
    const types = (await client.collect(3)).map((packet) => packet.type);
    expect(types.sort()).toEqual(["PINGRESP", "PUBACK", "PUBLISH"]);
  });

  it("MQTT-4.4.0-1 unacknowledged PUBLISH and PUBREL are sent again after reconnecting, in order", async () => {
    const clientId = broker.name();
    const topicName = broker.name();
    const first = await broker.connect({ clientId, properties: session });
    await first.subscribe(topicName);
    const publisher = await broker.connect();
    for (const [index, qos] of [1, 2, 2, 1].entries()) {
      await publisher.publish({ topicName, qos, payload: String(index) });
    }
    const sent: ServerPacket[] = [];
    for (let count = 0; count < 4; count++) sent.push(await first.expect("PUBLISH"));
    const released = sent[1]!.packetIdentifier;
    first.send(pubrec(released));
    await first.expect("PUBREL");
    await first.disconnect();
    const second = await back(clientId);
    const again = await second.collect(4);
    const publishes = again.filter((packet) => packet.type === "PUBLISH");
    expect(publishes.map((packet) => [packet.payload, packet.packetIdentifier, packet.dup])).toEqual(
      [0, 2, 3].map((index) => [String(index), sent[index]!.packetIdentifier, true]),
    );
    const releases = again.filter((packet) => packet.type === "PUBREL");
    expect(releases.map((packet) => packet.packetIdentifier)).toEqual([released]);
    second.send(
      puback(sent[0]!.packetIdentifier),
      pubrec(sent[2]!.packetIdentifier),
      pubcomp(released),
      puback(sent[3]!.packetIdentifier),
    );
    expect((await second.expect("PUBREL")).packetIdentifier).toBe(sent[2]!.packetIdentifier);
    second.send(pubcomp(sent[2]!.packetIdentifier));
    await second.fence();
    await second.disconnect();
    await (await back(clientId)).expectNothing();
  });

  it("MQTT-4.4.0-1 nothing is sent again while the connection lasts", async () => {
    const topicName = broker.name();
    const client = await broker.connect();
    await client.subscribe(topicName);
    const publisher = await broker.connect();
    for (const qos of [1, 2]) await publisher.publish({ topicName, qos });
    await client.expect("PUBLISH");
    await client.expect("PUBLISH");
    await client.expectNothing(1000);
  });

  it("MQTT-4.4.0-2 a PUBACK or PUBREC with an error ends the delivery", async () => {
    const clientId = broker.name();
    const topicName = broker.name();
    const first = await broker.connect({ clientId, properties: session });
    await first.subscribe(topicName);
    const publisher = await broker.connect();
    for (const qos of [1, 2]) await publisher.publish({ topicName, qos });
    first.send(puback((await first.expect("PUBLISH")).packetIdentifier, 0x80));
    first.send(pubrec((await first.expect("PUBLISH")).packetIdentifier, 0x97));
    await first.fence();
    await first.disconnect();
    await (await back(clientId)).expectNothing();
  });

  it("MQTT-4.5.0-1 a message goes to every session that subscribed, connected or not", async () => {
    const topicName = broker.name();
    const clientIds = [broker.name(), broker.name()];
    for (const clientId of clientIds) await away(clientId, topicName);
    const connected = await broker.connect();
    await connected.subscribe(topicName);
    const publisher = await broker.connect();
    for (const qos of [1, 2]) await publisher.publish({ topicName, qos, payload: `qos ${qos}` });
    const receivers = [connected, ...(await Promise.all(clientIds.map(back)))];
    for (const receiver of receivers) {
      for (const qos of [1, 2])
        expect(await receiver.receive()).toMatchObject({ qos, payload: `qos ${qos}` });
      await receiver.fence();
    }
  });

  it("MQTT-4.1.0-1 the session stays whole while the connection is open, whatever its expiry", async () => {
    const topicName = broker.name();
    const client = await broker.connect({ properties: { sessionExpiryInterval: 0 } });
    await client.subscribe(topicName);
    const publisher = await broker.connect();
    await publisher.publish({ topicName, qos: 2 });
    const message = await client.expect("PUBLISH");
    await client.expectNothing(1200);
    client.send(pubrec(message.packetIdentifier));
    expect((await client.expect("PUBREL")).reasonCode).toBe(0);
    await publisher.publish({ topicName, qos: 0 });
    await client.expect("PUBLISH");
  });
});

describe.concurrent("4.1 the end of sessions", () => {
  const broker = useBroker();

  it("MQTT-4.1.0-2 the session ends when its Session Expiry Interval has passed", async () => {
    const clientId = broker.name();
    const topicName = broker.name();
    const first = await broker.connect({ clientId, properties: { sessionExpiryInterval: 1 } });
    await first.subscribe(topicName);
    await first.disconnect();
    const bystander = await broker.connect();
    await bystander.publish({ topicName, qos: 1 });
    await bystander.expectNothing(2500);
    const { client, connack } = await broker.connectFully({ clientId, cleanStart: false });
    expect(connack.sessionPresent).toBe(false);
    await bystander.publish({ topicName, qos: 1 });
    await client.expectNothing();
  });

  it("MQTT-4.1.0-1 a Session Expiry Interval shorter than the connection does not end the session", async () => {
    const clientId = broker.name();
    const properties = { sessionExpiryInterval: 1 };
    const first = await broker.connect({ clientId, properties });
    await first.expectNothing(2500);
    await first.disconnect();
    expect((await broker.connectFully({ clientId, cleanStart: false })).connack.sessionPresent).toBe(true);
  });

  it("MQTT-4.3.3-7 a QoS 2 message that has been sent does not expire any more", async () => {
    const clientId = broker.name();
    const topicName = broker.name();
    const first = await broker.connect({ clientId, properties: session });
    await first.subscribe(topicName);
    const publisher = await broker.connect();
    const properties = { messageExpiryInterval: 1 };
    await publisher.publish({ topicName, payload: "x", qos: 2, properties });
    const sent = await first.expect("PUBLISH");
    await first.disconnect();
    await publisher.expectNothing(2100);
    const second = await broker.connect({ clientId, cleanStart: false, properties: session });
    const { packetIdentifier } = sent;
    expect(await second.receive()).toMatchObject({ packetIdentifier, payload: "x", dup: true });
  });

  it("MQTT-4.3.3-13 the QoS 2 handshake goes on for a message that has expired", async () => {
    const topicName = broker.name();
    const subscriber = await broker.connect();
    await subscriber.subscribe(topicName);
    const publisher = await broker.connect();
    const properties = { messageExpiryInterval: 1 };
    publisher.send(publish({ topicName, qos: 2, packetIdentifier: 3, properties, payload: hex("31") }));
    await publisher.expect("PUBREC");
    const message = await subscriber.expect("PUBLISH", 500).catch(() => undefined);
    await publisher.expectNothing(2100);
    publisher.send(pubrel(3));
    expect(await publisher.expect("PUBCOMP")).toMatchObject({ packetIdentifier: 3, reasonCode: 0 });
    if (message === undefined) return;
    subscriber.send(pubrec(message.packetIdentifier));
    expect((await subscriber.expect("PUBREL")).reasonCode).toBe(0);
  });
});
