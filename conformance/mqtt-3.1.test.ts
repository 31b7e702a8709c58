import { describe, expect, it } from "vitest";
import { useBroker } from "./harness/broker-under-test.ts";
import {
  bytes,
  connect,
  hex,
  lengthPrefixed,
  packet,
  publish,
  subscribe,
  u16,
} from "./harness/wire-writer.ts";

const version = 3;

describe("MQTT 3.1", () => {
  const broker = useBroker();

  it("MQTT31-protocol-name a CONNECT with MQIsdp and version 3 is accepted", async () => {
    const { client, connack } = await broker.connectFully({ version });
    expect(connack.bytes).toEqual(hex("20020000"));
    await client.fence();
  });

  it("MQTT31-protocol-name the names and versions of MQTT 3.1 and 3.1.1 do not mix", async () => {
    for (const [name, level] of [
      ["MQTT", 3],
      ["MQIsdp", 4],
      ["MQIsdp", 5],
      ["mqisdp", 3],
    ] as const) {
      const client = await broker.open(version);
      const header = Buffer.concat([lengthPrefixed(name), bytes(level, 2), u16(0)]);
      client.send(packet(0x10, header, level === 5 ? bytes(0) : bytes(), lengthPrefixed(broker.name())));
      const packets = await client.collectToClose().catch(() => []);
      expect(packets.every((one) => one.type === "CONNACK" && one.reasonCode !== 0)).toBe(true);
    }
  });

  it("MQTT31-client-identifier an empty Client Identifier gets return code 2", async () => {
    for (const cleanStart of [true, false]) {
      const client = await broker.open(version);
      client.send(connect({ version, clientId: "", cleanStart }));
      await client.expectRefusal(2);
    }
  });

  it("MQTT31-connack bit 0 of the first byte is reserved: there is no Session Present", async () => {
    const fields = { version, clientId: broker.name(), cleanStart: false };
    const first = await broker.connect(fields);
    await first.subscribe([["a", 1]]);
    await first.disconnect();
    expect((await broker.connectFully(fields)).connack.bytes).toEqual(hex("20020000"));
  });

  it("MQTT31-clean-session with clean session 0 subscriptions and messages wait for the client", async () => {
    const topicName = broker.name();
    const fields = { version, clientId: broker.name(), cleanStart: false };
    const first = await broker.connect(fields);
    await first.subscribe([[topicName, 2]]);
    await first.disconnect();
    const publisher = await broker.connect({ version });
    for (const qos of [1, 2]) await publisher.publish({ topicName, payload: "x", qos });
    const second = await broker.connect(fields);
    for (const qos of [1, 2]) expect(await second.receive()).toMatchObject({ payload: "x", qos });
  });

  it("MQTT31-dup a SUBSCRIBE, UNSUBSCRIBE or PUBREL that is sent again may have DUP set", async () => {
    const topicName = broker.name();
    const client = await broker.connect({ version });
    client.send(Buffer.concat([bytes(0x8a), subscribe(7, [[topicName, 1]], undefined, version).subarray(1)]));
    expect(await client.expect("SUBACK")).toMatchObject({ packetIdentifier: 7, reasonCodes: [1] });
    client.send(publish({ topicName: "other", qos: 2, packetIdentifier: 8 }, version));
    await client.expect("PUBREC");
    client.send(packet(0x6a, u16(8)));
    await client.expect("PUBCOMP");
    client.send(packet(0xaa, u16(9), lengthPrefixed(topicName)));
    expect((await client.expect("UNSUBACK")).bytes).toEqual(packet(0xb0, u16(9)));
  });

  it("MQTT31-will the will is published at its QoS when the connection fails, not after DISCONNECT", async () => {
    const topicName = broker.name("will");
    const watcher = await broker.connect({ version });
    await watcher.subscribe([[topicName, 2]]);
    const client = await broker.connect({ version, will: { topicName, payload: "polite" } });
    await client.disconnect();
    (await broker.connect({ version, will: { topicName, payload: "gone", qos: 2 } })).drop();
    expect(await watcher.receive()).toMatchObject({ payload: "gone", qos: 2 });
  });

  it("MQTT31-violation an error closes the connection, without DISCONNECT", async () => {
    for (const violation of [packet(0x82, u16(1)), publish({ topicName: "a/#" }, version), packet(0xf0)]) {
      const client = await broker.connect({ version });
      client.send(violation);
      await client.expectClosed();
    }
  });
});
