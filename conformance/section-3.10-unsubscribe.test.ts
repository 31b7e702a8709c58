import { describe, expect, it } from "vitest";
import { useBroker } from "./harness/broker-under-test.ts";
import {
  bytes,
  hex,
  packet,
  pingreq,
  puback,
  pubcomp,
  publish,
  pubrec,
  u16,
  unsubscribe,
} from "./harness/wire-writer.ts";

const malformed = 0x81;
const protocolError = 0x82;
const noSubscriptionExisted = 0x11;

describe("3.10 UNSUBSCRIBE and 3.11 UNSUBACK", () => {
  const broker = useBroker();

  it("MQTT-3.10.1-1 UNSUBSCRIBE with other flags than 0010 is a Malformed Packet", async () => {
    for (const flags of [0, 1, 3, 6, 10]) {
      const client = await broker.connect();
      client.send(packet(0xa0 | flags, unsubscribe(1, ["a"]).subarray(2)));
      await client.expectDisconnect(malformed);
    }
  });

  it("MQTT-3.10.3-1 a Topic Filter that is not well-formed UTF-8 is refused", async () => {
    for (const filter of [hex("c080"), hex("61eda080"), hex("6100")]) {
      const client = await broker.connect();
      client.send(unsubscribe(1, [filter]));
      await client.expectDisconnect(malformed);
    }
  });

  it("MQTT-3.10.3-2 an UNSUBSCRIBE without Topic Filter is a Protocol Error", async () => {
    const client = await broker.connect();
    client.send(packet(0xa2, u16(1), bytes(0)));
    await client.expectDisconnect(protocolError, malformed);
  });

  it("MQTT-3.10.4-1 the Topic Filter must be the same character by character", async () => {
    const stem = broker.name();
    const client = await broker.connect();
    const filters = [`${stem}/+`, `${stem}/#`, `${stem}/a`];
    await client.subscribe(filters.map((filter) => [filter, 0] as const));
    const publisher = await broker.connect();
    const near = [`${stem}/A`, `${stem}/b`, `${stem}/+/`, "#", `${stem}/+/#`];
    expect((await client.unsubscribe(...near)).reasonCodes).toEqual(near.map(() => noSubscriptionExisted));
    await publisher.publish({ topicName: `${stem}/a` });
    await client.receive();
    await client.collect(0);
    expect((await client.unsubscribe(...filters)).reasonCodes).toEqual([0, 0, 0]);
    await publisher.publish({ topicName: `${stem}/a` });
    await client.expectNothing();
  });

  it("MQTT-3.10.4-2 no new messages come after UNSUBSCRIBE", async () => {
    const topicName = broker.name();
    const client = await broker.connect();
    await client.subscribe(topicName);
    await client.unsubscribe(topicName);
    const publisher = await broker.connect();
    for (const qos of [0, 1, 2]) await publisher.publish({ topicName, qos });
    await client.expectNothing();
  });

  it("MQTT-3.10.4-3 deliveries that have begun are completed after UNSUBSCRIBE", async () => {
    const clientId = broker.name();
    const topicName = broker.name();
    const properties = { sessionExpiryInterval: 100 };
    const client = await broker.connect({ clientId, properties });
    await client.subscribe(topicName);
    const publisher = await broker.connect();
    for (const qos of [1, 2, 2]) await publisher.publish({ topicName, qos });
    const one = await client.expect("PUBLISH");
    const two = await client.expect("PUBLISH");
    const three = await client.expect("PUBLISH");
    await client.unsubscribe(topicName);
    client.send(pubrec(two.packetIdentifier));
    expect((await client.expect("PUBREL")).packetIdentifier).toBe(two.packetIdentifier);
    client.send(pubcomp(two.packetIdentifier));
    await client.disconnect();
    const again = await broker.connect({ clientId, cleanStart: false, properties });
    const resent = [await again.expect("PUBLISH"), await again.expect("PUBLISH")];
    expect(resent.map((message) => message.packetIdentifier)).toEqual([
      one.packetIdentifier,
      three.packetIdentifier,
    ]);
    again.send(puback(one.packetIdentifier), pubrec(three.packetIdentifier));
    expect((await again.expect("PUBREL")).packetIdentifier).toBe(three.packetIdentifier);
  });

  it("MQTT-3.10.4-4 UNSUBSCRIBE is answered by UNSUBACK", async () => {
    const client = await broker.connect();
    await client.subscribe("a");
    expect(await client.unsubscribe("a")).toMatchObject({ type: "UNSUBACK", reasonCodes: [0] });
  });

  it("MQTT-3.10.4-5 UNSUBACK has the Packet Identifier of its UNSUBSCRIBE, also where nothing is deleted", async () => {
    const client = await broker.connect();
    for (const packetIdentifier of [0xffff, 1]) {
      client.send(unsubscribe(packetIdentifier, ["never/subscribed"]));
      expect(await client.expect("UNSUBACK")).toMatchObject({
        packetIdentifier,
        reasonCodes: [noSubscriptionExisted],
      });
    }
  });

  it("MQTT-3.10.4-6 several Topic Filters in one UNSUBSCRIBE count one after the other", async () => {
    const client = await broker.connect();
    await client.subscribe([
      ["a", 0],
      ["b", 0],
    ]);
    const { reasonCodes } = await client.unsubscribe("a", "a", "b");
    expect(reasonCodes).toEqual([0, noSubscriptionExisted, 0]);
    await client.fence();
  });

  it("MQTT-3.11.3-1 the Reason Codes are in the order of the Topic Filters", async () => {
    const client = await broker.connect();
    await client.subscribe([
      ["a", 0],
      ["c", 0],
    ]);
    const { reasonCodes } = await client.unsubscribe("x", "a", "y", "c", "z");
    expect(reasonCodes).toEqual([noSubscriptionExisted, 0, noSubscriptionExisted, 0, noSubscriptionExisted]);
  });

  it("MQTT-3.11.3-2 UNSUBACK has a Reason Code of its own list for each Topic Filter", async () => {
    const client = await broker.connect();
    // The reader refuses other codes.
    for (const count of [1, 2, 100]) {
      const filters = Array.from({ length: count }, (_, index) => `a/${index}`);
      expect((await client.unsubscribe(...filters)).reasonCodes).toHaveLength(count);
    }
  });

  it("MQTT-3.12.4-1 PINGREQ is answered by PINGRESP", async () => {
    const client = await broker.connect();
    client.send(pingreq(), pingreq());
    for (let count = 0; count < 2; count++) {
      expect((await client.expect("PINGRESP")).bytes).toEqual(hex("d000"));
    }
    client.send(packet(0xc0, bytes(0)));
    await client.expectDisconnect(malformed);
  });

  it("MQTT-3.10.4-1 a Shared Subscription ends by its full Topic Filter only", async () => {
    const topicName = broker.name();
    const filter = `$share/group/${topicName}`;
    const client = await broker.connect();
    await client.subscribe([[filter, 0]]);
    expect((await client.unsubscribe(topicName)).reasonCodes).toEqual([noSubscriptionExisted]);
    client.send(publish({ topicName }));
    await client.expect("PUBLISH");
    expect((await client.unsubscribe(filter)).reasonCodes).toEqual([0]);
    client.send(publish({ topicName }));
    await client.fence();
  });
});
