import { describe, expect, it } from "vitest";
import { useBroker } from "./harness/broker-under-test.ts";
import {
  bytes,
  connect,
  hex,
  lengthPrefixed,
  packet,
  propertySection,
  publish,
  u16,
} from "./harness/wire-writer.ts";

const malformed = 0x81;

describe("3.1.3 CONNECT payload", () => {
  const broker = useBroker();

  it("MQTT-3.1.3-1 the payload is read in the order id, will, user name, password", async () => {
    const topicName = broker.name("will");
    const clientId = broker.name();
    const watcher = await broker.connect();
    await watcher.subscribe(topicName);
    const client = await broker.open();
    client.send(
      packet(
        0x10,
        lengthPrefixed("MQTT"),
        bytes(5, 0xc6),
        u16(0),
        propertySection({}),
        lengthPrefixed(clientId),
        propertySection({ contentType: "order" }),
        lengthPrefixed(topicName),
        lengthPrefixed("payload"),
        lengthPrefixed("user"),
        lengthPrefixed("password"),
      ),
    );
    await client.expect("CONNACK");
    client.drop();
    const properties = { contentType: "order" };
    expect(await watcher.receive()).toMatchObject({ topicName, payload: "payload", properties });
  });

  it("MQTT-3.1.3-2 the ClientID names the session: others neither see nor disturb it", async () => {
    const clientId = broker.name();
    const topicName = broker.name();
    const properties = { sessionExpiryInterval: 100 };
    const first = await broker.connect({ clientId, properties });
    await first.subscribe(topicName);
    await first.disconnect();
    for (const other of [clientId.toUpperCase(), `${clientId} `, `${clientId}x`]) {
      const { connack } = await broker.connectFully({ clientId: other, cleanStart: false });
      expect(connack.sessionPresent).toBe(false);
    }
    expect((await broker.connectFully({ clientId, cleanStart: false })).connack.sessionPresent).toBe(true);
  });

  it("MQTT-3.1.3-3 a CONNECT without ClientID is refused", async () => {
    const client = await broker.open();
    client.send(packet(0x10, lengthPrefixed("MQTT"), bytes(5, 2), u16(0), bytes(0)));
    await client.expectRefusal(malformed);
  });

  it("MQTT-3.1.3-4 a ClientID that is not well-formed UTF-8 is refused", async () => {
    for (const clientId of [hex("c080"), hex("61eda08061"), hex("6100")]) {
      const client = await broker.open();
      client.send(connect({ clientId }));
      await client.expectRefusal(malformed, 0x85);
    }
  });

  it("MQTT-3.1.3-5 ClientIDs of 1 to 23 letters and digits are accepted", async () => {
    const alphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    for (const clientId of ["Q", "z9", alphabet.slice(0, 23), alphabet.slice(23, 46), alphabet.slice(39)]) {
      await broker.connect({ clientId });
    }
  });

  it("MQTT-3.1.3-5 longer ClientIDs and other characters are accepted too", async () => {
    for (const clientId of ["x".repeat(1000), "a/b#+ $é😀"]) await broker.connect({ clientId });
  });

  it("MQTT-3.1.3-6 a client without ClientID gets one of its own", async () => {
    const first = await broker.connectFully({ clientId: "" });
    const second = await broker.connectFully({ clientId: "" });
    const ids = [first, second].map(({ connack }) => connack.properties.assignedClientIdentifier);
    expect(ids[0]).toMatch(/^.+$/);
    expect(ids[1]).toMatch(/^.+$/);
    expect(ids[0]).not.toBe(ids[1]);
    await first.client.fence();
  });

  it("MQTT-3.1.3-7 the assigned ClientID is told, and names the session from then on", async () => {
    const topicName = broker.name();
    const { client, connack } = await broker.connectFully({
      clientId: "",
      properties: { sessionExpiryInterval: 100 },
    });
    const clientId = connack.properties.assignedClientIdentifier ?? "";
    await client.subscribe(topicName);
    await client.disconnect();
    const again = await broker.connectFully({ clientId, cleanStart: false });
    expect(again.connack.sessionPresent).toBe(true);
    expect(again.connack.properties.assignedClientIdentifier).toBeUndefined();
    again.client.send(publish({ topicName }));
    await again.client.expect("PUBLISH");
  });

  it("MQTT-3.1.3-7 a zero-length ClientID with Clean Start 0 is accepted in MQTT 5.0", async () => {
    const { connack } = await broker.connectFully({ clientId: "", cleanStart: false });
    expect(connack.sessionPresent).toBe(false);
    expect(connack.properties.assignedClientIdentifier).toMatch(/^.+$/);
  });

  it("MQTT-3.1.3-8 a ClientID that is not accepted gets CONNACK and the close", async () => {
    const client = await broker.open();
    client.send(connect({ clientId: hex("ff") }));
    await client.expectRejected(0x85, malformed);
  });

  it("MQTT-3.1.3-10 the order of the will's User Properties is kept", async () => {
    const topicName = broker.name("will");
    const watcher = await broker.connect();
    await watcher.subscribe(topicName);
    const userProperty: [string, string][] = [
      ["z", "1"],
      ["a", "2"],
      ["z", "3"],
      ["", ""],
      ["a", "2"],
    ];
    (await broker.connect({ will: { topicName, properties: { userProperty } } })).drop();
    expect((await watcher.receive()).properties.userProperty).toEqual(userProperty);
  });

  it("MQTT-3.1.3-12 a User Name that is not well-formed UTF-8 is refused", async () => {
    for (const userName of [hex("c080"), hex("eda080"), hex("6100")]) {
      const client = await broker.open();
      client.send(connect({ clientId: broker.name(), userName }));
      await client.expectRefusal(malformed);
    }
  });

  it("MQTT-3.1.3-12 the Password is binary data: any bytes will do", async () => {
    await broker.connect({ userName: "user", password: hex("00ffc080") });
  });
});
