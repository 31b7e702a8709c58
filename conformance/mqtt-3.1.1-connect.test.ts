import { describe, expect, it } from "vitest";
import { useBroker } from "./harness/broker-under-test.ts";
import {
  bytes,
  connect,
  hex,
  lengthPrefixed,
  packet,
  pingreq,
  publish,
  pubrec,
  pubrel,
  u16,
} from "./harness/wire-writer.ts";

const version = 4;

describe("MQTT 3.1.1: CONNECT and CONNACK", () => {
  const broker = useBroker();

  it("MQTT311-3.1.0-2 a second CONNECT closes the connection, without DISCONNECT", async () => {
    const client = await broker.connect({ version });
    client.send(connect({ version }));
    await client.expectClosed();
  });

  it("MQTT311-3.1.2-2 an unknown protocol level gets return code 1", async () => {
    for (const level of [0, 1, 2]) {
      const client = await broker.open(version);
      const header = Buffer.concat([lengthPrefixed("MQTT"), bytes(level, 2), u16(0)]);
      client.send(packet(0x10, header, lengthPrefixed(broker.name())));
      await client.expectRefusal(1);
    }
  });

  it("MQTT311-3.1.2-4 with Clean Session 0 the session is stored and resumed", async () => {
    const clientId = broker.name();
    const topicName = broker.name();
    const fields = { version, clientId, cleanStart: false };
    const first = await broker.connectFully(fields);
    expect(first.connack.sessionPresent).toBe(false);
    await first.client.subscribe([[topicName, 1]]);
    await first.client.disconnect();
    const second = await broker.connectFully(fields);
    expect(second.connack.sessionPresent).toBe(true);
    second.client.send(publish({ topicName, payload: "x" }, version));
    expect((await second.client.receive()).payload).toBe("x");
  });

  it("MQTT311-3.1.2-5 QoS 1 and 2 messages are stored for a session that is away", async () => {
    const clientId = broker.name();
    const topicName = broker.name();
    const fields = { version, clientId, cleanStart: false };
    const first = await broker.connect(fields);
    await first.subscribe([[topicName, 2]]);
    await first.disconnect();
    const publisher = await broker.connect({ version });
    for (const qos of [1, 2]) await publisher.publish({ topicName, qos });
    const second = await broker.connect(fields);
    for (const qos of [1, 2]) expect((await second.receive()).qos).toBe(qos);
  });

  it("MQTT311-3.1.2-6 with Clean Session 1 the session ends with the connection", async () => {
    const clientId = broker.name();
    const topicName = broker.name();
    const stored = await broker.connect({ version, clientId, cleanStart: false });
    await stored.subscribe([[topicName, 1]]);
    await stored.disconnect();
    const clean = await broker.connectFully({ version, clientId });
    expect(clean.connack.sessionPresent).toBe(false);
    await clean.client.subscribe([[`${topicName}/x`, 1]]);
    await clean.client.disconnect();
    const after = await broker.connectFully({ version, clientId, cleanStart: false });
    expect(after.connack.sessionPresent).toBe(false);
    await (await broker.connect({ version })).publish({ topicName, qos: 1 });
    await after.client.expectNothing();
  });

  it("MQTT311-3.1.2-7 retained messages outlive the session that published them", async () => {
    const topicName = broker.name();
    const publisher = await broker.connect({ version });
    await publisher.publish({ topicName, payload: "kept", retain: true, qos: 1 });
    await publisher.disconnect();
    const client = await broker.connect({ version });
    await client.subscribe([[topicName, 0]]);
    expect((await client.receive()).payload).toBe("kept");
  });

  it("MQTT311-3.1.2-8 the Will Message is published, with its QoS and RETAIN, when the connection fails", async () => {
    const topicName = broker.name("will");
    const watcher = await broker.connect({ version });
    await watcher.subscribe([[topicName, 2]]);
    for (const qos of [0, 1, 2]) {
      (await broker.connect({ version, will: { topicName, payload: "gone", qos, retain: true } })).drop();
      expect(await watcher.receive()).toMatchObject({ payload: "gone", qos, retain: false });
    }
    const late = await broker.connect({ version });
    await late.subscribe([[topicName, 0]]);
    expect(await late.receive()).toMatchObject({ payload: "gone", retain: true });
  });

  it("MQTT311-3.1.2-22 a Password without User Name is refused", async () => {
    const client = await broker.open(version);
    client.send(connect({ version, clientId: broker.name(), password: "secret" }));
    await client.expectRejected(4);
  });

  it("MQTT311-3.1.3-6 an empty ClientID with Clean Session 1 is accepted", async () => {
    const first = await broker.connect({ version, clientId: "" });
    const second = await broker.connect({ version, clientId: "" });
    await first.fence();
    await second.fence();
  });

  it("MQTT311-3.1.3-7, MQTT311-3.1.3-8, MQTT311-3.1.3-9 an empty ClientID with Clean Session 0 is refused", async () => {
    const client = await broker.open(version);
    client.send(connect({ version, clientId: "", cleanStart: false }));
    await client.expectRefusal(2);
  });

  it("MQTT311-3.1.4-1 a CONNECT that breaks the format is closed", async () => {
    for (const flags of [0x03, 0x0a, 0x22, 0x1e, 0x82]) {
      const client = await broker.open(version);
      client.send(connect({ version, clientId: broker.name(), flags }));
      await client.expectClosed();
    }
  });

  it("MQTT311-3.1.4-2 a second connection with the same ClientID ends the first, without DISCONNECT", async () => {
    const clientId = broker.name();
    const first = await broker.connect({ version, clientId });
    const second = await broker.connect({ version, clientId });
    await first.expectClosed();
    await second.fence();
  });

  it("MQTT311-3.1.4-4 an accepted CONNECT gets return code 0 in two bytes", async () => {
    const { connack } = await broker.connectFully({ version });
    expect(connack.bytes).toEqual(hex("20020000"));
  });

  it("MQTT311-3.2.2-1, MQTT311-3.2.2-2, MQTT311-3.2.2-3 Session Present tells whether a session was there", async () => {
    const clientId = broker.name();
    const present = async (cleanStart: boolean): Promise<boolean> => {
      const { client, connack } = await broker.connectFully({ version, clientId, cleanStart });
      await client.disconnect();
      return connack.sessionPresent;
    };
    expect([await present(false), await present(false), await present(true), await present(false)]).toEqual([
      false,
      true,
      false,
      false,
    ]);
  });

  it("MQTT311-3.2.2-4, MQTT311-3.2.2-5 a refusal has Session Present 0 and is followed by the close", async () => {
    const client = await broker.open(version);
    client.send(connect({ version, clientId: "", cleanStart: false }), pingreq());
    expect((await client.expectRefusal(2)).sessionPresent).toBe(false);
  });

  it("MQTT311-3.1.2-4 a session passes from MQTT 3.1.1 to 5.0 and back", async () => {
    const clientId = broker.name();
    const topicName = broker.name();
    const old = await broker.connect({ version, clientId, cleanStart: false });
    await old.subscribe([[topicName, 1]]);
    await old.disconnect();
    const publisher = await broker.connect();
    await publisher.publish({ topicName, qos: 1, properties: { contentType: "c" } });
    const properties = { sessionExpiryInterval: 100 };
    const { client, connack } = await broker.connectFully({ clientId, cleanStart: false, properties });
    expect(connack.sessionPresent).toBe(true);
    expect((await client.receive()).properties).toEqual({ contentType: "c" });
    await client.disconnect();
    await publisher.publish({ topicName, qos: 1, payload: "y", properties: { contentType: "c" } });
    const again = await broker.connectFully({ version, clientId, cleanStart: false });
    expect(again.connack.sessionPresent).toBe(true);
    expect(await again.client.receive()).toMatchObject({ topicName, payload: "y" });
  });

  it("MQTT311-3.1.4-3 Clean Session is processed on a take-over too", async () => {
    const clientId = broker.name();
    const first = await broker.connect({ version, clientId, cleanStart: false });
    await first.subscribe([["a", 1]]);
    const second = await broker.connectFully({ version, clientId, cleanStart: false });
    await first.expectClosed();
    expect(second.connack.sessionPresent).toBe(true);
    const third = await broker.connectFully({ version, clientId, cleanStart: true });
    await second.client.expectClosed();
    expect(third.connack.sessionPresent).toBe(false);
  });

  it("MQTT311-3.2.0-1 CONNACK is the first packet from the server", async () => {
    const clientId = broker.name();
    const topicName = broker.name();
    const fields = { version, clientId, cleanStart: false };
    const first = await broker.connect(fields);
    await first.subscribe([[topicName, 1]]);
    await first.disconnect();
    await (await broker.connect({ version })).publish({ topicName, qos: 1 });
    const second = await broker.open(version);
    second.send(connect(fields), pingreq());
    const packets = await second.collect(3);
    expect(packets[0]?.type).toBe("CONNACK");
    expect(packets.map((one) => one.type).sort()).toEqual(["CONNACK", "PINGRESP", "PUBLISH"]);
  });

  it("MQTT311-4.1.0-1, MQTT311-4.1.0-2 a session is whole as long as it is connected, clean or not", async () => {
    for (const cleanStart of [true, false]) {
      const topicName = broker.name();
      const client = await broker.connect({ version, cleanStart });
      await client.subscribe([[topicName, 2]]);
      const publisher = await broker.connect({ version });
      await publisher.publish({ topicName, payload: "first", qos: 2 });
      const { packetIdentifier } = await client.expect("PUBLISH");
      client.send(publish({ topicName: "other", qos: 2, packetIdentifier: 9 }, version));
      await client.expect("PUBREC");
      await client.expectNothing(500);
      client.send(pubrec(packetIdentifier), pubrel(9));
      expect((await client.collect(2)).map((one) => one.type).sort()).toEqual(["PUBCOMP", "PUBREL"]);
    }
  });
});

describe.concurrent("MQTT 3.1.1: Keep Alive", () => {
  const broker = useBroker();

  it("MQTT311-3.1.2-24 a client that is silent for 1.5 times its Keep Alive is cut off, without DISCONNECT", async () => {
    const client = await broker.connect({ version, keepAlive: 1 });
    const start = performance.now();
    await client.expectClosed();
    expect(performance.now() - start).toBeGreaterThan(1400);
    expect(performance.now() - start).toBeLessThan(3000);
  });
});
