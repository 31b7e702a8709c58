import { describe, expect, it } from "vitest";
import { useBroker } from "./harness/broker-under-test.ts";
import {
  bytes,
  connect,
  hex,
  lengthPrefixed,
  packet,
  propertyBytes,
  puback,
  pubcomp,
  publish,
  pubrec,
  pubrel,
  subscribe,
  u16,
  unsubscribe,
} from "./harness/wire-writer.ts";

const malformed = 0x81;
const protocolError = 0x82;

/** Not well-formed UTF-8: surrogates, overlong forms, a lone continuation byte, a cut sequence, beyond U+10FFFF. */
const illFormed = ["eda080", "edbfbf", "c080", "e08080", "80", "c3", "f4908080", "ff"];

describe("1.5 data representation", () => {
  const broker = useBroker();

  it("MQTT-1.5.4-1 ill-formed UTF-8 is a Malformed Packet", async () => {
    for (const digits of illFormed) {
      const text = Buffer.concat([Buffer.from("a/"), hex(digits)]);
      const publisher = await broker.connect();
      publisher.send(publish({ topicName: text }));
      await publisher.expectDisconnect(malformed);
      const subscriber = await broker.connect();
      subscriber.send(subscribe(1, [[text, 0]]));
      await subscriber.expectDisconnect(malformed);
      const newcomer = await broker.open();
      newcomer.send(connect({ clientId: text }));
      await newcomer.expectRefusal(malformed);
    }
  });

  it("MQTT-1.5.4-1 well-formed UTF-8 of every length is taken and handed on unchanged", async () => {
    const topicName = `${broker.name("é€😀")}/\u{10fffd}/\ud7ff/\ue000`;
    const client = await broker.connect();
    await client.subscribe(topicName);
    client.send(publish({ topicName }));
    expect((await client.expect("PUBLISH")).topicName).toBe(topicName);
  });

  it("MQTT-1.5.4-2 U+0000 in a string is a Malformed Packet", async () => {
    const publisher = await broker.connect();
    publisher.send(publish({ topicName: "a\0b" }));
    await publisher.expectDisconnect(malformed);
    const subscriber = await broker.connect();
    subscriber.send(subscribe(1, [["a\0b", 0]]));
    await subscriber.expectDisconnect(malformed);
    const newcomer = await broker.open();
    newcomer.send(connect({ clientId: "a\0b" }));
    await newcomer.expectRefusal(malformed);
  });

  it("MQTT-1.5.4-3 U+FEFF is a character like any other", async () => {
    const plain = broker.name("bom");
    const client = await broker.connect();
    await client.subscribe([
      [`\ufeff${plain}`, 0],
      ["other", 0],
    ]);
    client.send(publish({ topicName: plain }), publish({ topicName: `\ufeff${plain}`, payload: "\ufeffx" }));
    expect(await client.expect("PUBLISH")).toMatchObject({ topicName: `\ufeff${plain}`, payload: "\ufeffx" });
    await client.fence();
  });

  it("MQTT-1.5.5-1 a variable byte integer in more bytes than it needs is a Malformed Packet", async () => {
    const inRemainingLength = await broker.connect();
    inRemainingLength.send(hex("c0 80 00"));
    await inRemainingLength.expectDisconnect(malformed);
    const inPropertyLength = await broker.connect();
    inPropertyLength.send(packet(0x30, lengthPrefixed("a"), hex("80 00")));
    await inPropertyLength.expectDisconnect(malformed);
    const inSubscriptionIdentifier = await broker.connect();
    inSubscriptionIdentifier.send(subscribe(1, [["a", 0]], hex("0b 81 00")));
    await inSubscriptionIdentifier.expectDisconnect(malformed);
  });

  it("MQTT-1.5.5-1 a variable byte integer of five bytes is a Malformed Packet", async () => {
    const client = await broker.connect();
    client.send(hex("30 ff ff ff ff 01"));
    await client.expectDisconnect(malformed);
  });

  it("MQTT-1.5.7-1 both strings of a User Property must be well-formed", async () => {
    for (const property of [hex("26 0003 eda080 0001 61"), hex("26 0001 61 0001 00")]) {
      const client = await broker.connect();
      client.send(publish({ topicName: "a", properties: property }));
      await client.expectDisconnect(malformed);
    }
  });
});

describe("2 packet format", () => {
  const broker = useBroker();

  it("MQTT-2.1.3-1 reserved flags other than the value listed are a Malformed Packet", async () => {
    const violations = [
      packet(0x41, u16(1)),
      packet(0x51, u16(1)),
      packet(0x60, u16(1)),
      packet(0x71, u16(1)),
      packet(0x80, u16(1), bytes(0), lengthPrefixed("a"), bytes(0)),
      packet(0xa0, u16(1), bytes(0), lengthPrefixed("a")),
      packet(0xc1),
      packet(0xe8),
      packet(0xf1),
    ];
    for (const violation of violations) {
      const client = await broker.connect();
      client.send(violation);
      await client.expectDisconnect(malformed);
    }
    const newcomer = await broker.open();
    newcomer.send(Buffer.concat([bytes(0x11), connect().subarray(1)]));
    await newcomer.expectRejected(malformed);
  });

  it("MQTT-2.1.3-1 packet type 0 and the packets of a server are refused", async () => {
    for (const firstByte of [0x00, 0x20, 0x90, 0xb0, 0xd0]) {
      const client = await broker.connect();
      client.send(packet(firstByte, u16(1), bytes(0)));
      await client.expectDisconnect(malformed, protocolError);
    }
  });

  it("MQTT-2.2.1-2 a QoS 0 PUBLISH from the server has no Packet Identifier", async () => {
    const topicName = broker.name();
    const client = await broker.connect();
    await client.subscribe([[topicName, 0]]);
    client.send(publish({ topicName, payload: "x", qos: 1, packetIdentifier: 7 }));
    const received = (await client.collect(2)).find((one) => one.type === "PUBLISH");
    expect(received?.bytes).toEqual(publish({ topicName, payload: "x" }));
  });

  it("MQTT-2.2.1-3 a Packet Identifier of zero is refused", async () => {
    const violations = [
      publish({ topicName: "a", qos: 1, packetIdentifier: 0 }),
      publish({ topicName: "a", qos: 2, packetIdentifier: 0 }),
      subscribe(0, [["a", 0]]),
      unsubscribe(0, ["a"]),
      pubrel(0),
      puback(0),
      pubrec(0),
      pubcomp(0),
    ];
    for (const violation of violations) {
      const client = await broker.connect();
      client.send(violation);
      await client.expectDisconnect(malformed, protocolError);
    }
  });

  it("MQTT-2.2.1-4 the server gives each unacknowledged PUBLISH another non-zero Packet Identifier", async () => {
    const topicName = broker.name();
    const subscriber = await broker.connect();
    await subscriber.subscribe(topicName);
    const publisher = await broker.connect();
    for (const qos of [1, 2, 1, 2, 1]) await publisher.publish({ topicName, qos });
    const messages = await subscriber.collect(5);
    expect(messages.map((message) => [message.type, message.qos])).toEqual([
      ["PUBLISH", 1],
      ["PUBLISH", 2],
      ["PUBLISH", 1],
      ["PUBLISH", 2],
      ["PUBLISH", 1],
    ]);
    // PUBREC does not free an identifier: PUBCOMP does.
    subscriber.send(pubrec(messages[1]!.packetIdentifier));
    await subscriber.expect("PUBREL");
    await publisher.publish({ topicName, qos: 1 });
    messages.push(await subscriber.expect("PUBLISH"));
    const identifiers = new Set(messages.map((message) => message.packetIdentifier));
    expect(identifiers.size).toBe(6);
    expect(identifiers.has(0)).toBe(false);
  });

  it("MQTT-2.2.1-5 acknowledgements carry the Packet Identifier of the PUBLISH", async () => {
    const topicName = broker.name();
    const client = await broker.connect();
    client.send(publish({ topicName, qos: 1, packetIdentifier: 0xabcd }));
    expect((await client.expect("PUBACK")).packetIdentifier).toBe(0xabcd);
    client.send(publish({ topicName, qos: 2, packetIdentifier: 0xffff }));
    expect((await client.expect("PUBREC")).packetIdentifier).toBe(0xffff);
    client.send(pubrel(0xffff));
    expect((await client.expect("PUBCOMP")).packetIdentifier).toBe(0xffff);
    await client.subscribe(topicName);
    const publisher = await broker.connect();
    await publisher.publish({ topicName, qos: 2 });
    const message = await client.expect("PUBLISH");
    client.send(pubrec(message.packetIdentifier));
    expect((await client.expect("PUBREL")).packetIdentifier).toBe(message.packetIdentifier);
  });

  it("MQTT-2.2.1-6 SUBACK and UNSUBACK carry the Packet Identifier of the request", async () => {
    const client = await broker.connect();
    client.send(subscribe(0x8001, [["a", 0]]));
    expect((await client.expect("SUBACK")).packetIdentifier).toBe(0x8001);
    client.send(unsubscribe(0x7fff, ["a"]));
    expect((await client.expect("UNSUBACK")).packetIdentifier).toBe(0x7fff);
  });

  it("MQTT-2.2.2-1 a packet without Property Length is a Malformed Packet", async () => {
    const violations = [packet(0x30, lengthPrefixed("a")), packet(0x82, u16(1)), packet(0xa2, u16(1))];
    for (const violation of violations) {
      const client = await broker.connect();
      client.send(violation);
      await client.expectDisconnect(malformed);
    }
  });

  it("MQTT-2.2.2-1 the server writes a Property Length of zero where it has no properties", async () => {
    const topicName = broker.name();
    const client = await broker.connect();
    const suback = await client.subscribe([[topicName, 0]]);
    expect(suback.bytes).toEqual(packet(0x90, u16(suback.packetIdentifier), bytes(0, 0)));
    client.send(publish({ topicName, payload: "x" }));
    const message = await client.expect("PUBLISH");
    expect(message.bytes).toEqual(packet(0x30, lengthPrefixed(topicName), bytes(0), Buffer.from("x")));
  });

  it("MQTT-2.2.2-1 a property that does not belong to the packet, or stands twice, is refused", async () => {
    const misplaced = await broker.connect();
    misplaced.send(publish({ topicName: "a", properties: { sessionExpiryInterval: 1 } }));
    await misplaced.expectDisconnect(malformed, protocolError);
    const unknown = await broker.connect();
    unknown.send(publish({ topicName: "a", properties: hex("7f 00") }));
    await unknown.expectDisconnect(malformed);
    const twice = await broker.connect();
    const contentType = propertyBytes({ contentType: "a" });
    twice.send(publish({ topicName: "a", properties: Buffer.concat([contentType, contentType]) }));
    await twice.expectDisconnect(protocolError);
    const tooLong = await broker.connect();
    tooLong.send(packet(0x30, lengthPrefixed("a"), bytes(9, 1, 0)));
    await tooLong.expectDisconnect(malformed);
  });
});
