import { describe, expect, it } from "vitest";
import { useBroker } from "./harness/broker-under-test.ts";
import {
  bytes,
  connect,
  disconnect,
  hex,
  packet,
  pingreq,
  publish,
  pubrel,
  subscribe,
} from "./harness/wire-writer.ts";

const malformed = 0x81;
const protocolError = 0x82;

describe("3.14 DISCONNECT", () => {
  const broker = useBroker();

  it("MQTT-3.14.0-1 no DISCONNECT is sent before CONNACK", async () => {
    for (const first of [
      pingreq(),
      publish({ topicName: "a" }),
      hex("10 ff ff ff ff 01"),
      hex("00 00"),
      connect({ flags: 0x03 }),
      connect({ properties: { receiveMaximum: 0 } }),
      packet(0x10, bytes(0, 9)),
    ]) {
      const client = await broker.open();
      client.send(first);
      const packets = await client.collectToClose();
      expect(packets.map((one) => one.type)).not.toContain("DISCONNECT");
    }
  });

  it("MQTT-3.14.1-1 DISCONNECT with reserved bits set is a Malformed Packet", async () => {
    for (const flags of [1, 2, 4, 8, 15]) {
      const client = await broker.connect();
      client.send(packet(0xe0 | flags));
      await client.expectDisconnect(malformed);
    }
  });

  it("MQTT-3.14.2-1 DISCONNECT of the server has a Reason Code of its own list", async () => {
    // The reader refuses other codes; here is one violation for each kind of error.
    for (const violation of [
      connect(),
      publish({ topicName: "a/#" }),
      publish({ topicName: "a", properties: { topicAlias: 0xffff } }),
      subscribe(1, [["a", 3]]),
      subscribe(1, [["$share/g/a", 4]]),
      hex("f0 00"),
      hex("c1 00"),
    ]) {
      const client = await broker.connect();
      client.send(violation);
      const answer = await client.expect("DISCONNECT");
      expect(answer.reasonCode).toBeGreaterThanOrEqual(0x80);
      await client.expectClosed();
    }
  });

  it("MQTT-3.14.2-1 a DISCONNECT with a Reason Code outside the client's list is refused", async () => {
    for (const reasonCode of [0x01, 0x7f, 0x85, 0xff]) {
      const topicName = broker.name("will");
      const watcher = await broker.connect();
      await watcher.subscribe(topicName);
      const client = await broker.connect({ will: { topicName } });
      client.send(disconnect(reasonCode));
      await client.expectDisconnect(malformed, protocolError);
      await watcher.receive();
    }
  });

  it("MQTT-3.14.2-2 the server never sends a Session Expiry Interval in DISCONNECT", async () => {
    const clientId = broker.name();
    const properties = { sessionExpiryInterval: 100 };
    const first = await broker.connect({ clientId, properties });
    await broker.connect({ clientId, properties });
    // The reader refuses the property; this looks at the bytes.
    const answer = await first.expectDisconnect(0x8e);
    expect(answer.properties.sessionExpiryInterval).toBeUndefined();
  });

  it("MQTT-3.14.2-3, MQTT-3.14.2-4 DISCONNECT leaves its reasons out where they make it too large", async () => {
    const { connack } = await broker.connectFully();
    const maximumPacketSize = connack.bytes.length + 1;
    for (const violation of [connect(), publish({ topicName: "a/#" }), subscribe(1, [["a", 3]])]) {
      const client = await broker.connect({ properties: { maximumPacketSize } });
      client.send(violation);
      const answer = await client.expect("DISCONNECT");
      expect(answer.bytes.length).toBeLessThanOrEqual(maximumPacketSize);
      await client.expectClosed();
    }
  });

  it("MQTT-3.14.4-1 the server sends nothing after its DISCONNECT", async () => {
    const topicName = broker.name();
    const client = await broker.connect();
    await client.subscribe(topicName);
    client.send(
      publish({ topicName, payload: "before" }),
      hex("c1 00"),
      publish({ topicName, payload: "after" }),
      pingreq(),
    );
    const packets = await client.collectToClose();
    expect(packets.map((one) => one.payload || one.type)).toEqual(["before", "DISCONNECT"]);
  });

  it("MQTT-3.14.4-1 nothing after the client's DISCONNECT is processed", async () => {
    const topicName = broker.name();
    const watcher = await broker.connect();
    await watcher.subscribe(topicName);
    const client = await broker.connect();
    client.send(disconnect(), publish({ topicName }), pingreq());
    await client.expectClosed();
    await watcher.expectNothing();
  });

  it("MQTT-3.14.4-2 the server closes the connection after its DISCONNECT, and after the client's", async () => {
    const offender = await broker.connect();
    offender.send(hex("c1 00"));
    await offender.expectDisconnect(malformed);
    const leaver = await broker.connect();
    leaver.send(disconnect());
    await leaver.expectClosed();
  });

  it("MQTT-3.14.4-3 a DISCONNECT with 0x00 discards the Will Message", async () => {
    const topicName = broker.name("will");
    const watcher = await broker.connect();
    await watcher.subscribe(topicName);
    for (const packetBytes of [disconnect(), disconnect(0), disconnect(0, {})]) {
      const client = await broker.connect({ will: { topicName } });
      client.send(packetBytes);
      await client.expectClosed();
    }
    await watcher.expectNothing();
    const failing = await broker.connect({ will: { topicName, payload: "failing" } });
    failing.send(disconnect(0x80, { reasonString: "out of battery" }));
    await failing.expectClosed();
    expect((await watcher.receive()).payload).toBe("failing");
  });

  it("MQTT-3.14.4-3 a DISCONNECT can change the Session Expiry Interval, but not from 0", async () => {
    const clientId = broker.name();
    const properties = { sessionExpiryInterval: 100 };
    const ended = await broker.connect({ clientId, properties });
    ended.send(disconnect(0, { sessionExpiryInterval: 0 }));
    await ended.expectClosed();
    const fresh = await broker.connectFully({ clientId, cleanStart: false });
    expect(fresh.connack.sessionPresent).toBe(false);
    fresh.client.send(disconnect(0, { sessionExpiryInterval: 10 }));
    await fresh.client.expectDisconnect(protocolError);
  });

  it("MQTT-4.13.1-1 a Malformed Packet and a Protocol Error close the connection, with their Reason Code", async () => {
    const malformedClient = await broker.connect();
    malformedClient.send(packet(0x40, bytes(1)));
    await malformedClient.expectDisconnect(malformed);
    const wrongClient = await broker.connect();
    wrongClient.send(publish({ topicName: "a", properties: hex("01 01 01 01") }));
    await wrongClient.expectDisconnect(protocolError);
    const newcomer = await broker.open();
    newcomer.send(connect({ properties: { maximumPacketSize: 0 } }));
    await newcomer.expectRefusal(protocolError);
  });

  it("MQTT-4.13.1-1 the error of one connection touches no other", async () => {
    const topicName = broker.name();
    const bystander = await broker.connect();
    await bystander.subscribe(topicName);
    for (const violation of [hex("f0 00"), hex("00 00"), hex("30 ff ff ff ff"), pubrel(0), connect()]) {
      const offender = await broker.connect();
      offender.send(violation);
      await offender.expect("DISCONNECT");
    }
    bystander.send(publish({ topicName }));
    await bystander.expect("PUBLISH");
  });

  it("MQTT-4.13.2-1 a Reason Code of 0x80 or more is followed by the close", async () => {
    const refused = await broker.open();
    refused.send(connect({ flags: 0x03 }));
    await refused.expectRefusal(malformed);
    const ended = await broker.connect();
    ended.send(hex("c1 00"));
    await ended.expectDisconnect(malformed);
    const client = await broker.connect();
    client.send(disconnect(0x80));
    await client.expectClosed();
  });
});
