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
  subscribe,
  u16,
} from "./harness/wire-writer.ts";

const malformed = 0x81;
const protocolError = 0x82;
const unsupportedVersion = 0x84;

describe("3.1 CONNECT", () => {
  const broker = useBroker();

  it("MQTT-3.1.0-1 a first packet other than CONNECT closes the connection", async () => {
    for (const first of [pingreq(), publish({ topicName: "a" }), subscribe(1, [["a", 0]]), packet(0xe0)]) {
      const client = await broker.open();
      client.send(first);
      await client.expectClosed();
    }
  });

  it("MQTT-3.1.0-1 packets may follow CONNECT before CONNACK has come", async () => {
    const client = await broker.open();
    client.send(connect({ clientId: broker.name() }), subscribe(1, [["a", 0]]), pingreq());
    await client.expect("CONNACK");
    await client.expect("SUBACK");
    await client.expect("PINGRESP");
  });

  it("MQTT-3.1.0-2 a second CONNECT is a Protocol Error", async () => {
    const clientId = broker.name();
    const client = await broker.connect({ clientId });
    client.send(connect({ clientId }));
    await client.expectDisconnect(protocolError);
  });

  it("MQTT-3.1.2-1 a CONNECT with another protocol name is refused", async () => {
    for (const protocolName of ["MQTX", "mqtt", "", "MQTTT", "HTTP"]) {
      const client = await broker.open();
      client.send(connect({ protocolName, clientId: broker.name() }));
      await client.expectRejected(unsupportedVersion);
    }
  });

  it("MQTT-3.1.2-2 a Protocol Version that the server does not know is refused", async () => {
    for (const version of [6, 127]) {
      const client = await broker.open();
      const header = Buffer.concat([lengthPrefixed("MQTT"), bytes(version, 2), u16(0), bytes(0)]);
      client.send(packet(0x10, header, lengthPrefixed(broker.name())));
      await client.expectRejected(unsupportedVersion);
    }
  });

  it("MQTT-3.1.2-3 the reserved flag of CONNECT must be 0", async () => {
    const client = await broker.open();
    client.send(connect({ flags: 0x03, clientId: broker.name() }));
    await client.expectRefusal(malformed);
  });

  it("MQTT-3.1.2-4 Clean Start 1 discards the session that exists", async () => {
    const clientId = broker.name();
    const topicName = broker.name();
    const properties = { sessionExpiryInterval: 100 };
    const first = await broker.connect({ clientId, properties });
    await first.subscribe(topicName);
    await first.disconnect();
    const publisher = await broker.connect();
    await publisher.publish({ topicName, qos: 1 });
    const { client: second, connack } = await broker.connectFully({ clientId, properties });
    expect(connack.sessionPresent).toBe(false);
    await publisher.publish({ topicName, qos: 1 });
    await second.expectNothing();
    second.drop();
    const third = await broker.connectFully({ clientId, cleanStart: false });
    expect(third.connack.sessionPresent).toBe(true);
    await third.client.expectNothing();
  });

  it("MQTT-3.1.2-5 Clean Start 0 resumes the session that exists", async () => {
    const clientId = broker.name();
    const topicName = broker.name();
    const properties = { sessionExpiryInterval: 100 };
    const first = await broker.connect({ clientId, properties });
    await first.subscribe(topicName);
    await first.disconnect();
    const publisher = await broker.connect();
    await publisher.publish({ topicName, payload: "while away", qos: 1 });
    const { client: second, connack } = await broker.connectFully({
      clientId,
      properties,
      cleanStart: false,
    });
    expect(connack.sessionPresent).toBe(true);
    expect(await second.receive()).toMatchObject({ topicName, payload: "while away", qos: 1, dup: false });
    await publisher.publish({ topicName, payload: "back", qos: 1 });
    expect(await second.receive()).toMatchObject({ payload: "back" });
  });

  it("MQTT-3.1.2-6 Clean Start 0 without a session creates one", async () => {
    const clientId = broker.name();
    const topicName = broker.name();
    const { client, connack } = await broker.connectFully({
      clientId,
      cleanStart: false,
      properties: { sessionExpiryInterval: 100 },
    });
    expect(connack.sessionPresent).toBe(false);
    await client.subscribe(topicName);
    client.send(publish({ topicName }));
    await client.expect("PUBLISH");
    await client.disconnect();
    expect((await broker.connectFully({ clientId, cleanStart: false })).connack.sessionPresent).toBe(true);
  });

  it("MQTT-3.1.2-16 without User Name Flag no User Name may follow", async () => {
    const client = await broker.open();
    client.send(connect({ flags: 0x02, userName: "user", clientId: broker.name() }));
    await client.expectRefusal(malformed);
  });

  it("MQTT-3.1.2-17 with User Name Flag a User Name must follow", async () => {
    const client = await broker.open();
    client.send(connect({ flags: 0x82, clientId: broker.name() }));
    await client.expectRefusal(malformed);
  });

  it("MQTT-3.1.2-18 without Password Flag no Password may follow", async () => {
    const client = await broker.open();
    client.send(connect({ flags: 0x82, userName: "user", password: "secret", clientId: broker.name() }));
    await client.expectRefusal(malformed);
  });

  it("MQTT-3.1.2-19 with Password Flag a Password must follow", async () => {
    const client = await broker.open();
    client.send(connect({ flags: 0xc2, userName: "user", clientId: broker.name() }));
    await client.expectRefusal(malformed);
  });

  it("MQTT-3.1.2-19 a Password without User Name is allowed in MQTT 5.0", async () => {
    await broker.connect({ password: "secret" });
    await broker.connect({ userName: "user" });
  });

  it("MQTT-3.1.4-1 a CONNECT that breaks the format of section 3.1 is refused", async () => {
    const properties = [
      [{ receiveMaximum: 0 }, protocolError],
      [{ maximumPacketSize: 0 }, protocolError],
      [{ requestProblemInformation: 2 }, protocolError],
      [{ requestResponseInformation: 2 }, protocolError],
      [{ authenticationData: bytes(1) }, protocolError],
      [hex("11 00000001 11 00000001"), protocolError],
      [hex("22 0001 22 0001"), protocolError],
      [hex("23 0001"), malformed],
    ] as const;
    for (const [source, reasonCode] of properties) {
      const client = await broker.open();
      client.send(connect({ clientId: broker.name(), properties: source }));
      await client.expectRefusal(reasonCode, malformed);
    }
    const trailing = await broker.open();
    trailing.send(packet(0x10, connect({ clientId: broker.name() }).subarray(2), bytes(0)));
    await trailing.expectRefusal(malformed);
  });

  it("MQTT-3.1.4-3 a second connection with the same ClientID takes the session over", async () => {
    const clientId = broker.name();
    const topicName = broker.name();
    const properties = { sessionExpiryInterval: 100 };
    const first = await broker.connect({ clientId, properties });
    await first.subscribe(topicName);
    const { client: second, connack } = await broker.connectFully({
      clientId,
      cleanStart: false,
      properties,
    });
    await first.expectDisconnect(0x8e);
    expect(connack.sessionPresent).toBe(true);
    second.send(publish({ topicName, payload: "mine" }));
    expect((await second.expect("PUBLISH")).payload).toBe("mine");
  });

  it("MQTT-3.1.4-3 of many connections with the same ClientID the last one stays", async () => {
    const clientId = broker.name();
    const clients = [];
    for (let count = 0; count < 5; count++) clients.push(await broker.connect({ clientId }));
    const last = clients.pop();
    for (const client of clients) await client.expectDisconnect(0x8e);
    await last?.fence();
  });

  it("MQTT-3.1.4-4 Clean Start is processed on a take-over too", async () => {
    const clientId = broker.name();
    const topicName = broker.name();
    const properties = { sessionExpiryInterval: 100 };
    const first = await broker.connect({ clientId, properties });
    await first.subscribe(topicName);
    const { client: second, connack } = await broker.connectFully({ clientId, properties });
    expect(connack.sessionPresent).toBe(false);
    second.send(publish({ topicName }));
    await second.fence();
  });

  it("MQTT-3.1.4-5 an accepted CONNECT is acknowledged with Success", async () => {
    expect((await broker.connectFully()).connack).toMatchObject({ reasonCode: 0, sessionPresent: false });
  });

  it("MQTT-3.1.4-6 what follows a refused CONNECT is not processed", async () => {
    const topicName = broker.name();
    const refused = await broker.open();
    refused.send(connect({ flags: 0x03 }), publish({ topicName, payload: "x", retain: true }));
    await refused.expectRefusal(malformed);
    const subscriber = await broker.connect();
    await subscriber.subscribe(topicName);
    await subscriber.fence();
  });
});

describe("3.1.2.11 CONNECT properties", () => {
  const broker = useBroker();

  it("MQTT-3.1.2-23 the session outlives the connection by its Session Expiry Interval", async () => {
    const clientId = broker.name();
    const topicName = broker.name();
    const properties = { sessionExpiryInterval: 100 };
    const first = await broker.connect({ clientId, properties });
    await first.subscribe([[topicName, 1]]);
    const publisher = await broker.connect();
    await publisher.publish({ topicName, payload: "unacknowledged", qos: 1 });
    const before = await first.expect("PUBLISH");
    await first.disconnect();
    await publisher.publish({ topicName, payload: "queued", qos: 1 });
    const second = await broker.connect({ clientId, cleanStart: false, properties });
    const { packetIdentifier } = before;
    expect(await second.receive()).toMatchObject({ payload: "unacknowledged", dup: true, packetIdentifier });
    expect(await second.receive()).toMatchObject({ payload: "queued", dup: false });
  });

  it("MQTT-3.1.2-23 a Session Expiry Interval of 0 or none ends the session with the connection", async () => {
    for (const properties of [{}, { sessionExpiryInterval: 0 }]) {
      const clientId = broker.name();
      const first = await broker.connect({ clientId, properties });
      await first.subscribe("a");
      first.send(packet(0xe0));
      await first.expectClosed();
      expect((await broker.connectFully({ clientId, cleanStart: false })).connack.sessionPresent).toBe(false);
    }
  });

  it("MQTT-3.1.2-24 the server sends no packet beyond the client's Maximum Packet Size", async () => {
    const topicName = broker.name();
    const client = await broker.connect({ properties: { maximumPacketSize: 200 } });
    await client.subscribe([[topicName, 0]]);
    const empty = publish({ topicName }).length;
    const publisher = await broker.connect();
    // One more byte of Remaining Length is needed beyond 127.
    const fits = "x".repeat(200 - empty - 1);
    await publisher.publish({ topicName, payload: `${fits}x` });
    await publisher.publish({ topicName, payload: fits });
    const message = await client.expect("PUBLISH");
    expect(message.payload).toBe(fits);
    expect(message.bytes.length).toBe(200);
    await client.fence();
  });

  it("MQTT-3.1.2-25 a message too large for the client counts as delivered", async () => {
    const topicName = broker.name();
    const client = await broker.connect({ properties: { maximumPacketSize: 200, receiveMaximum: 1 } });
    await client.subscribe([[topicName, 2]]);
    const publisher = await broker.connect();
    for (const qos of [1, 2, 1]) await publisher.publish({ topicName, payload: "x".repeat(200), qos });
    await publisher.publish({ topicName, payload: "small", qos: 1 });
    expect(await client.receive()).toMatchObject({ payload: "small" });
    await client.fence();
  });

  it("MQTT-3.1.2-26 the server's Topic Aliases stay within the client's Topic Alias Maximum", async () => {
    const stem = broker.name();
    const client = await broker.connect({ properties: { topicAliasMaximum: 2 } });
    await client.subscribe([[`${stem}/#`, 0]]);
    const publisher = await broker.connect();
    const sent: string[] = [];
    for (let round = 0; round < 3; round++) {
      for (let topic = 0; topic < 4; topic++) sent.push(`${stem}/${topic}`);
    }
    for (const topicName of sent) await publisher.publish({ topicName });
    const aliases = new Map<number, string>();
    for (const topicName of sent) {
      const message = await client.expect("PUBLISH");
      const alias = message.properties.topicAlias;
      if (alias !== undefined) {
        expect(alias).toBeGreaterThan(0);
        expect(alias).toBeLessThanOrEqual(2);
        if (message.topicName !== "") aliases.set(alias, message.topicName);
      }
      expect(message.topicName || aliases.get(alias ?? 0)).toBe(topicName);
    }
  });

  it("MQTT-3.1.2-27 without Topic Alias Maximum the server sends no Topic Alias", async () => {
    for (const properties of [{}, { topicAliasMaximum: 0 }]) {
      const topicName = broker.name();
      const client = await broker.connect({ properties });
      await client.subscribe([[topicName, 0]]);
      const publisher = await broker.connect();
      for (let count = 0; count < 3; count++) {
        await publisher.publish({ topicName });
        const message = await client.expect("PUBLISH");
        expect(message.topicName).toBe(topicName);
        expect(message.properties.topicAlias).toBeUndefined();
      }
    }
  });

  it("MQTT-3.1.2-28 no Response Information for a client that did not ask for it", async () => {
    for (const properties of [{}, { requestResponseInformation: 0 }]) {
      const { connack } = await broker.connectFully({ properties });
      expect(connack.properties.responseInformation).toBeUndefined();
    }
  });

  it("MQTT-3.1.2-29 Request Problem Information 0 keeps reasons out of acknowledgements", async () => {
    const client = await broker.connect({ properties: { requestProblemInformation: 0 } });
    // Both fit nothing, which the broker may want to explain.
    client.send(pubrel(99), pubrec(97));
    for (const type of ["PUBCOMP", "PUBREL"] as const) {
      expect((await client.expect(type)).properties).toEqual({});
    }
  });
});
