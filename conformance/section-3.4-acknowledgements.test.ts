import { describe, expect, it } from "vitest";
import { needsDunlin } from "./harness/broker-process.ts";
import { useBroker } from "./harness/broker-under-test.ts";
import { embeddedBroker } from "./harness/embedded-broker.ts";
import type { RawClient } from "./harness/raw-client.ts";
import type { ServerPacket } from "./harness/wire-reader.ts";
import { bytes, hex, packet, puback, pubcomp, publish, pubrec, pubrel, u16 } from "./harness/wire-writer.ts";

const quotaExceeded = 0x97;

const packetIdentifierNotFound = 0x92;

describe("3.4 to 3.7 acknowledgements", () => {
  const broker = useBroker();

  it("MQTT-3.4.2-1 PUBACK has a Reason Code of its own list", async () => {
    const topicName = broker.name();
    const client = await broker.connect();
    // The reader refuses other codes. Without subscribers, 0x10 may be told.
    const alone = await client.publish({ topicName, qos: 1 });
    expect([0x00, 0x10]).toContain(alone?.reasonCode);
    await (await broker.connect()).subscribe(topicName);
    expect((await client.publish({ topicName, qos: 1 }))?.reasonCode).toBe(0);
  });

  it("MQTT-3.4.2-1 a PUBACK with a Reason Code outside its list is refused", async () => {
    for (const reasonCode of [0x01, 0x92, 0xff]) {
      const client = await broker.connect();
      client.send(puback(1, reasonCode));
      await client.expectDisconnect(0x81, 0x82);
    }
  });

  it("MQTT-3.5.2-1 PUBREC has a Reason Code of its own list", async () => {
    const topicName = broker.name();
    const client = await broker.connect();
    client.send(publish({ topicName, qos: 2, packetIdentifier: 1 }));
    expect([0x00, 0x10]).toContain((await client.expect("PUBREC")).reasonCode);
  });

  it("MQTT-3.5.2-1 a PUBREC with a Reason Code outside its list is refused", async () => {
    for (const reasonCode of [0x01, 0x92, 0xff]) {
      const client = await broker.connect();
      client.send(pubrec(1, reasonCode));
      await client.expectDisconnect(0x81, 0x82);
    }
  });

  it("MQTT-3.6.1-1 PUBREL with other flags than 0010 is a Malformed Packet", async () => {
    for (const flags of [0, 1, 3, 6, 10]) {
      const client = await broker.connect();
      client.send(packet(0x60 | flags, u16(1)));
      await client.expectDisconnect(0x81);
    }
  });

  it("MQTT-3.6.2-1 PUBREL has Success, or Packet Identifier not found for a PUBREC that fits nothing", async () => {
    const topicName = broker.name();
    const client = await broker.connect();
    await client.subscribe(topicName);
    await (await broker.connect()).publish({ topicName, qos: 2 });
    const { packetIdentifier } = await client.expect("PUBLISH");
    client.send(pubrec(packetIdentifier));
    expect((await client.expect("PUBREL")).reasonCode).toBe(0);
    client.send(pubrec(999));
    expect(await client.expect("PUBREL")).toMatchObject({
      packetIdentifier: 999,
      reasonCode: packetIdentifierNotFound,
    });
    client.send(pubcomp(packetIdentifier));
    await client.fence();
  });

  it("MQTT-3.7.2-1 PUBCOMP has Success, or Packet Identifier not found for a PUBREL that fits nothing", async () => {
    const client = await broker.connect();
    expect((await client.publish({ topicName: "a", qos: 2 }))?.reasonCode).toBe(0);
    client.send(pubrel(999));
    expect(await client.expect("PUBCOMP")).toMatchObject({
      packetIdentifier: 999,
      reasonCode: packetIdentifierNotFound,
    });
  });

  it("MQTT-3.6.2-1 a PUBREL with Packet Identifier not found is answered like any other", async () => {
    const client = await broker.connect();
    client.send(publish({ topicName: "a", qos: 2, packetIdentifier: 3 }));
    await client.expect("PUBREC");
    client.send(pubrel(3, packetIdentifierNotFound, { reasonString: "lost it" }));
    expect((await client.expect("PUBCOMP")).packetIdentifier).toBe(3);
    for (const wrong of [pubrel(4, 0x80), pubcomp(4, 0x87)]) {
      const offender = await broker.connect();
      offender.send(wrong);
      await offender.expectDisconnect(0x81, 0x82);
    }
  });

  it("MQTT-3.4.2-1 acknowledgements for nothing do no harm", async () => {
    const client = await broker.connect();
    client.send(puback(77), pubcomp(78), puback(77, 0x80), pubcomp(78, packetIdentifierNotFound));
    await client.fence();
  });

  it("MQTT-3.4.2-1 an acknowledgement may leave out Reason Code and Property Length", async () => {
    const topicName = broker.name();
    const client = await broker.connect();
    await client.subscribe(topicName);
    const publisher = await broker.connect();
    for (const tail of [bytes(), bytes(0), bytes(0, 0), hex("00 04 1f 0001 61")]) {
      await publisher.publish({ topicName, qos: 1 });
      const { packetIdentifier } = await client.expect("PUBLISH");
      client.send(packet(0x40, u16(packetIdentifier), tail));
      await client.fence();
    }
    const offender = await broker.connect();
    offender.send(packet(0x40, bytes(0)));
    await offender.expectDisconnect(0x81);
  });
});

describe("3.4 to 3.7 reasons and the client's Maximum Packet Size", needsDunlin, () => {
  const reasonString = "refused because ".padEnd(300, "x");
  const broker = useBroker(
    embeddedBroker({
      publishInterceptors: [
        {
          intercept: ({ topicName }) =>
            topicName === "refused"
              ? { action: "reject", reasonCode: quotaExceeded, reasonString }
              : { action: "pass" },
        },
      ],
    }),
  );

  /** A client whose Maximum Packet Size is the size of its CONNACK, the smallest with which it can connect. */
  async function smallClient(): Promise<{ client: RawClient; maximumPacketSize: number }> {
    const { connack } = await broker.connectFully();
    const maximumPacketSize = connack.bytes.length + 1;
    return { client: await broker.connect({ properties: { maximumPacketSize } }), maximumPacketSize };
  }

  function expectBare(answer: ServerPacket, maximumPacketSize: number): void {
    expect(answer.bytes.length).toBeLessThanOrEqual(maximumPacketSize);
    expect(answer.properties.reasonString).toBeUndefined();
    expect(answer.properties.userProperty).toBeUndefined();
  }

  it("MQTT-3.4.2-2, MQTT-3.4.2-3 PUBACK leaves its reasons out where they make it too large", async () => {
    const ordinary = await broker.connect();
    const full = await ordinary.publish({ topicName: "refused", qos: 1 });
    expect(full).toMatchObject({ reasonCode: 0x97, properties: { reasonString } });
    const { client, maximumPacketSize } = await smallClient();
    client.send(publish({ topicName: "refused", qos: 1, packetIdentifier: 1 }));
    const puback = await client.expect("PUBACK");
    expect(puback).toMatchObject({ packetIdentifier: 1, reasonCode: 0x97 });
    expectBare(puback, maximumPacketSize);
  });

  it("MQTT-3.5.2-2, MQTT-3.5.2-3 PUBREC leaves its reasons out where they make it too large", async () => {
    const ordinary = await broker.connect();
    const full = await ordinary.publish({ topicName: "refused", qos: 2 });
    expect(full).toMatchObject({ type: "PUBREC", reasonCode: 0x97, properties: { reasonString } });
    const { client, maximumPacketSize } = await smallClient();
    client.send(publish({ topicName: "refused", qos: 2, packetIdentifier: 1 }));
    const pubrec = await client.expect("PUBREC");
    expect(pubrec).toMatchObject({ packetIdentifier: 1, reasonCode: 0x97 });
    expectBare(pubrec, maximumPacketSize);
  });

  it("MQTT-3.6.2-2, MQTT-3.6.2-3 PUBREL leaves its reasons out where they make it too large", async () => {
    const { client, maximumPacketSize } = await smallClient();
    client.send(pubrec(9));
    expectBare(await client.expect("PUBREL"), maximumPacketSize);
  });

  it("MQTT-3.7.2-2, MQTT-3.7.2-3 PUBCOMP leaves its reasons out where they make it too large", async () => {
    const { client, maximumPacketSize } = await smallClient();
    client.send(pubrel(9));
    expectBare(await client.expect("PUBCOMP"), maximumPacketSize);
  });

  it("MQTT-3.1.2-29 Request Problem Information 0 keeps the reason out of PUBACK and PUBREC", async () => {
    const client = await broker.connect({ properties: { requestProblemInformation: 0 } });
    for (const qos of [1, 2]) {
      const answer = await client.publish({ topicName: "refused", qos });
      expect(answer).toMatchObject({ reasonCode: 0x97, properties: {} });
      expect(answer?.properties.reasonString).toBeUndefined();
    }
  });

  it("MQTT-4.3.3-9 after a PUBREC with an error the Packet Identifier is free for a new message", async () => {
    const topicName = broker.name();
    const subscriber = await broker.connect();
    await subscriber.subscribe(topicName);
    const client = await broker.connect();
    client.send(publish({ topicName: "refused", qos: 2, packetIdentifier: 5 }));
    expect((await client.expect("PUBREC")).reasonCode).toBe(0x97);
    client.send(publish({ topicName, payload: "new", qos: 2, packetIdentifier: 5 }));
    expect((await client.expect("PUBREC")).reasonCode).toBe(0);
    client.send(pubrel(5));
    expect((await client.expect("PUBCOMP")).reasonCode).toBe(0);
    expect((await subscriber.receive()).payload).toBe("new");
  });
});
