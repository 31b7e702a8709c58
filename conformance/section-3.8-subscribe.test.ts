import { describe, expect, it } from "vitest";
import { needsDunlin } from "./harness/broker-process.ts";
import { useBroker } from "./harness/broker-under-test.ts";
import { embeddedBroker } from "./harness/embedded-broker.ts";
import { bytes, hex, lengthPrefixed, packet, publish, subscribe, u16 } from "./harness/wire-writer.ts";

const malformed = 0x81;
const protocolError = 0x82;
const noLocal = 0x04;

describe("3.8 SUBSCRIBE and 3.9 SUBACK", () => {
  const broker = useBroker();

  it("MQTT-3.8.1-1 SUBSCRIBE with other flags than 0010 is a Malformed Packet", async () => {
    for (const flags of [0, 1, 3, 6, 10]) {
      const client = await broker.connect();
      client.send(packet(0x80 | flags, subscribe(1, [["a", 0]]).subarray(2)));
      await client.expectDisconnect(malformed);
    }
  });

  it("MQTT-3.8.3-1 a Topic Filter that is not well-formed UTF-8 is refused", async () => {
    for (const filter of [hex("c080"), hex("61ed a080"), hex("6100")]) {
      const client = await broker.connect();
      client.send(subscribe(1, [[filter, 0]]));
      await client.expectDisconnect(malformed);
    }
  });

  it("MQTT-3.8.3-2 a SUBSCRIBE without Topic Filter, or with half a pair, is refused", async () => {
    for (const payload of [bytes(), lengthPrefixed("a")]) {
      const client = await broker.connect();
      client.send(packet(0x82, u16(1), bytes(0), payload));
      await client.expectDisconnect(malformed, protocolError);
    }
  });

  it("MQTT-3.8.3-3 No Local 1 keeps the client's own messages away from it", async () => {
    const topicName = broker.name();
    const client = await broker.connect();
    const other = await broker.connect();
    await client.subscribe([[topicName, 1 | noLocal]]);
    client.send(publish({ topicName, payload: "own" }));
    await client.fence();
    await other.publish({ topicName, payload: "other", qos: 1 });
    expect((await client.receive()).payload).toBe("other");
    await client.subscribe([[topicName, 1]]);
    client.send(publish({ topicName, payload: "own" }));
    expect((await client.receive()).payload).toBe("own");
  });

  it("MQTT-3.8.3-4 No Local on a Shared Subscription is a Protocol Error", async () => {
    const client = await broker.connect();
    client.send(subscribe(1, [["$share/group/a", 1 | noLocal]]));
    await client.expectDisconnect(protocolError);
  });

  it("MQTT-3.8.3-5 reserved bits of the Subscription Options are a Malformed Packet", async () => {
    for (const options of [0x40, 0x80, 0xc0]) {
      const client = await broker.connect();
      client.send(subscribe(1, [["a", options]]));
      await client.expectDisconnect(malformed);
    }
  });

  it("MQTT-3.8.3-5 QoS 3 and Retain Handling 3 are refused", async () => {
    for (const options of [0x03, 0x30]) {
      const client = await broker.connect();
      client.send(subscribe(1, [["a", options]]));
      await client.expectDisconnect(protocolError, malformed);
    }
  });

  it("MQTT-3.8.4-1 SUBSCRIBE is answered by SUBACK", async () => {
    const client = await broker.connect();
    expect((await client.subscribe([["a", 0]])).type).toBe("SUBACK");
  });

  it("MQTT-3.8.4-2 SUBACK has the Packet Identifier of its SUBSCRIBE, also of several at once", async () => {
    const client = await broker.connect();
    const identifiers = [0xffff, 1, 0x0100];
    client.send(...identifiers.map((identifier) => subscribe(identifier, [["a", 0]])));
    for (const packetIdentifier of identifiers) {
      expect(await client.expect("SUBACK")).toMatchObject({ packetIdentifier });
    }
  });

  it("MQTT-3.8.4-3 the same Topic Filter again replaces the subscription", async () => {
    const topicName = broker.name();
    const client = await broker.connect();
    await client.subscribe([[topicName, 2]], { subscriptionIdentifier: [1] });
    await client.subscribe([[topicName, 0]], { subscriptionIdentifier: [2] });
    const publisher = await broker.connect();
    await publisher.publish({ topicName, qos: 2 });
    expect(await client.receive()).toMatchObject({ qos: 0, properties: { subscriptionIdentifier: [2] } });
    await client.expectNothing();
    await client.unsubscribe(topicName);
    await publisher.publish({ topicName, qos: 2 });
    await client.expectNothing();
  });

  it("MQTT-3.8.4-4 replacing a subscription re-sends retained messages and loses none", async () => {
    const topicName = broker.name();
    const publisher = await broker.connect();
    await publisher.publish({ topicName, payload: "kept", retain: true, qos: 1 });
    const client = await broker.connect();
    await client.subscribe([[topicName, 1]]);
    expect((await client.receive()).retain).toBe(true);
    const live: string[] = [];
    for (let count = 0; count < 12; count++) {
      live.push(String(count));
      publisher.send(publish({ topicName, payload: String(count), qos: 1, packetIdentifier: count + 1 }));
      if (count % 4 === 0) client.send(subscribe(100 + count, [[topicName, 1]]));
    }
    const found = await client.collect(18);
    const messages = found.filter((one) => one.type === "PUBLISH");
    expect(messages.filter((one) => !one.retain).map((one) => one.payload)).toEqual(live);
    expect(messages.filter((one) => one.retain)).toHaveLength(3);
    expect(found.filter((one) => one.type === "SUBACK")).toHaveLength(3);
  });

  it("MQTT-3.8.4-5 several Topic Filters in one SUBSCRIBE count one after the other", async () => {
    const topicName = broker.name();
    const other = broker.name();
    const client = await broker.connect();
    const suback = await client.subscribe([
      [topicName, 2],
      [other, 1],
      [topicName, 0],
    ]);
    expect(suback.reasonCodes).toEqual([2, 1, 0]);
    const publisher = await broker.connect();
    await publisher.publish({ topicName, qos: 2 });
    expect((await client.receive()).qos).toBe(0);
    await publisher.publish({ topicName: other, qos: 2 });
    expect((await client.receive()).qos).toBe(1);
    await client.fence();
  });

  it("MQTT-3.8.4-6 SUBACK has a Reason Code for each Topic Filter", async () => {
    const client = await broker.connect();
    for (const count of [1, 2, 200]) {
      const filters = Array.from({ length: count }, (_, index) => [`a/${index}`, 1] as const);
      expect((await client.subscribe(filters)).reasonCodes).toHaveLength(count);
    }
  });

  it("MQTT-3.8.4-7 the Reason Code is the maximum QoS granted", async () => {
    const client = await broker.connect();
    for (const qos of [0, 1, 2]) expect((await client.subscribe([["a", qos]])).reasonCodes).toEqual([qos]);
  });

  it("MQTT-3.8.4-8 a message arrives at the lower of its QoS and the one granted", async () => {
    const topicName = broker.name();
    const publisher = await broker.connect();
    for (const granted of [0, 1, 2]) {
      const client = await broker.connect();
      await client.subscribe([[topicName, granted]]);
      for (const qos of [0, 1, 2]) {
        await publisher.publish({ topicName, qos });
        expect((await client.receive()).qos).toBe(Math.min(qos, granted));
      }
    }
  });

  it("MQTT-3.9.3-1 the Reason Codes are in the order of the Topic Filters", async () => {
    const client = await broker.connect();
    const qos = [1, 0, 2, 2, 0, 1];
    const suback = await client.subscribe(qos.map((one, index) => [`order/${index}`, one] as const));
    expect(suback.reasonCodes).toEqual(qos);
  });

  it("MQTT-3.9.3-2 SUBACK has Reason Codes of its own list", async () => {
    const client = await broker.connect();
    // The reader refuses other codes.
    const suback = await client.subscribe([
      ["a", 0],
      ["$share/g/a", 1],
      ["$SYS/#", 2],
    ]);
    for (const code of suback.reasonCodes) expect(code).toBeLessThan(0x80);
  });

  it("MQTT-3.8.3-5 a Subscription Identifier of 0, or two of them, is a Protocol Error", async () => {
    for (const properties of [hex("0b 00"), hex("0b 01 0b 02")]) {
      const client = await broker.connect();
      client.send(subscribe(1, [["a", 0]], properties));
      await client.expectDisconnect(protocolError);
    }
  });
});

describe("3.9 SUBACK of a broker that denies", needsDunlin, () => {
  const broker = useBroker(
    embeddedBroker({ authorizer: { authorize: ({ topic }) => !topic.startsWith("secret") } }),
  );

  it("MQTT-3.8.4-7 a Topic Filter that is denied is told, the others count", async () => {
    const topicName = broker.name();
    const client = await broker.connect();
    const suback = await client.subscribe([
      ["secret/a", 1],
      [topicName, 1],
      ["$share/g/secret", 2],
      ["other", 0],
    ]);
    expect(suback.reasonCodes).toEqual([0x87, 1, 0x87, 0]);
    client.send(publish({ topicName }));
    expect((await client.receive()).topicName).toBe(topicName);
  });

  it("MQTT-3.9.2-1, MQTT-3.9.2-2 SUBACK leaves its reasons out where they make it too large", async () => {
    const { connack } = await broker.connectFully();
    const maximumPacketSize = connack.bytes.length + 1;
    const client = await broker.connect({ properties: { maximumPacketSize } });
    const suback = await client.subscribe([["secret", 1]]);
    expect(suback.reasonCodes).toEqual([0x87]);
    expect(suback.bytes.length).toBeLessThanOrEqual(maximumPacketSize);
    const bare = await broker.connect({ properties: { requestProblemInformation: 0 } });
    expect((await bare.subscribe([["secret", 1]])).properties).toEqual({});
  });

  it("MQTT-3.11.2-1, MQTT-3.11.2-2 UNSUBACK leaves its reasons out where they make it too large", async () => {
    const { connack } = await broker.connectFully();
    const maximumPacketSize = connack.bytes.length + 1;
    const client = await broker.connect({ properties: { maximumPacketSize } });
    const unsuback = await client.unsubscribe("secret");
    expect(unsuback.bytes.length).toBeLessThanOrEqual(maximumPacketSize);
    const bare = await broker.connect({ properties: { requestProblemInformation: 0 } });
    expect((await bare.unsubscribe("secret")).properties).toEqual({});
  });

  it("MQTT-3.4.2-1 a PUBLISH that is denied is acknowledged with Not authorized and goes nowhere", async () => {
    const watcher = await broker.connect();
    await watcher.subscribe("#");
    const client = await broker.connect();
    expect((await client.publish({ topicName: "secret/a", qos: 1 }))?.reasonCode).toBe(0x87);
    expect(await client.publish({ topicName: "secret/a", qos: 2 })).toMatchObject({
      type: "PUBREC",
      reasonCode: 0x87,
    });
    await watcher.expectNothing();
  });
});
