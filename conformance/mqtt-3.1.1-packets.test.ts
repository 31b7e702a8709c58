import type { AuthenticationResult } from "@dunlin/broker";
import { describe, expect, it } from "vitest";
import { needsDunlin } from "./harness/broker-process.ts";
import { useBroker } from "./harness/broker-under-test.ts";
import { embeddedBroker } from "./harness/embedded-broker.ts";
import type { RawClient } from "./harness/raw-client.ts";
import {
  auth,
  bytes,
  connect,
  disconnect,
  lengthPrefixed,
  packet,
  pingreq,
  puback,
  publish,
  pubrec,
  subscribe,
  u16,
  unsubscribe,
} from "./harness/wire-writer.ts";

const badUserNameOrPassword = 0x86;
const notAuthorized = 0x87;
const serverUnavailable = 0x88;
const banned = 0x8a;
const quotaExceeded = 0x97;

const version = 4;

describe("MQTT 3.1.1: the other packets", () => {
  const broker = useBroker();

  async function subscribed(topicFilter: string, qos: number): Promise<RawClient> {
    const client = await broker.connect({ version });
    await client.subscribe([[topicFilter, qos]]);
    return client;
  }

  it("MQTT311-3.3.1-6, MQTT311-3.3.1-8 every SUBSCRIBE gets the retained message, with RETAIN 1", async () => {
    const topicName = broker.name();
    const publisher = await broker.connect({ version });
    await publisher.publish({ topicName, payload: "kept", retain: true, qos: 1 });
    const client = await broker.connect({ version });
    for (let round = 0; round < 2; round++) {
      await client.subscribe([[topicName, 1]]);
      expect(await client.receive()).toMatchObject({ payload: "kept", retain: true });
    }
  });

  it("MQTT311-3.3.1-9 an established subscription gets RETAIN 0", async () => {
    const topicName = broker.name();
    const client = await subscribed(topicName, 1);
    await (await broker.connect({ version })).publish({ topicName, payload: "x", retain: true, qos: 1 });
    expect(await client.receive()).toMatchObject({ payload: "x", retain: false });
  });

  it("MQTT311-3.3.5-1 overlapping subscriptions deliver at the highest QoS among them", async () => {
    const stem = broker.name();
    const client = await broker.connect({ version });
    await client.subscribe([
      [`${stem}/a`, 0],
      [`${stem}/#`, 1],
    ]);
    await (await broker.connect({ version })).publish({ topicName: `${stem}/a`, qos: 2 });
    const messages = await client.collect(1);
    expect(Math.max(...messages.map((message) => message.qos))).toBe(1);
  });

  it("MQTT311-3.8.3-3 a SUBSCRIBE without Topic Filter closes the connection", async () => {
    const client = await broker.connect({ version });
    client.send(packet(0x82, u16(1)));
    await client.expectClosed();
  });

  it("MQTT311-3.8.3-4 a Requested QoS byte other than 0, 1 and 2 closes the connection", async () => {
    for (const options of [3, 4, 8, 0x80]) {
      const client = await broker.connect({ version });
      client.send(subscribe(1, [["a", options]], undefined, version));
      await client.expectClosed();
    }
  });

  it("MQTT311-3.8.4-3 the same Topic Filter again replaces the subscription", async () => {
    const topicName = broker.name();
    const client = await subscribed(topicName, 2);
    await client.subscribe([[topicName, 0]]);
    await (await broker.connect({ version })).publish({ topicName, qos: 2 });
    expect((await client.receive()).qos).toBe(0);
    await client.expectNothing();
  });

  it("MQTT311-3.8.4-5 SUBACK has a return code for each Topic Filter", async () => {
    const client = await broker.connect({ version });
    const suback = await client.subscribe([
      ["a", 2],
      ["b", 0],
      ["c", 1],
    ]);
    expect(suback.bytes).toEqual(packet(0x90, u16(suback.packetIdentifier), bytes(2, 0, 1)));
  });

  it("MQTT311-3.8.4-6 a message arrives at the lower of its QoS and the one granted", async () => {
    const topicName = broker.name();
    const publisher = await broker.connect({ version });
    for (const granted of [0, 1, 2]) {
      const client = await subscribed(topicName, granted);
      for (const qos of [0, 1, 2]) {
        await publisher.publish({ topicName, qos });
        expect((await client.receive()).qos).toBe(Math.min(qos, granted));
      }
    }
  });

  it("MQTT311-3.10.4-4, MQTT311-3.10.4-5 UNSUBACK has no payload, whether there was a subscription or not", async () => {
    const client = await broker.connect({ version });
    await client.subscribe([["a", 0]]);
    for (const [packetIdentifier, filter] of [
      [0x1234, "a"],
      [0x4321, "never"],
    ] as const) {
      client.send(unsubscribe(packetIdentifier, [filter], undefined, version));
      expect((await client.expect("UNSUBACK")).bytes).toEqual(packet(0xb0, u16(packetIdentifier)));
    }
  });

  it("MQTT311-3.14.4-2 what a client sends after DISCONNECT is not processed", async () => {
    const topicName = broker.name();
    const watcher = await subscribed(topicName, 0);
    const client = await broker.connect({ version });
    client.send(disconnect(), publish({ topicName }, version), pingreq());
    await client.expectClosed();
    await watcher.expectNothing();
  });

  it("MQTT311-3.14.4-3 DISCONNECT discards the Will Message", async () => {
    const topicName = broker.name("will");
    const watcher = await subscribed(topicName, 0);
    const client = await broker.connect({ version, will: { topicName } });
    await client.disconnect();
    await watcher.expectNothing();
  });

  it("MQTT311-4.4.0-1 unacknowledged messages are sent again with DUP when the session is resumed", async () => {
    const clientId = broker.name();
    const topicName = broker.name();
    const fields = { version, clientId, cleanStart: false };
    const first = await broker.connect(fields);
    await first.subscribe([[topicName, 2]]);
    const publisher = await broker.connect({ version });
    for (const qos of [1, 2, 2]) await publisher.publish({ topicName, qos });
    const [one, two, three] = await first.collect(3);
    first.send(pubrec(three!.packetIdentifier));
    await first.expect("PUBREL");
    await first.disconnect();
    const second = await broker.connect(fields);
    const packets = await second.collect(3);
    const publishes = packets.filter((one) => one.type === "PUBLISH");
    expect(publishes.map((message) => [message.packetIdentifier, message.dup])).toEqual([
      [one!.packetIdentifier, true],
      [two!.packetIdentifier, true],
    ]);
    const releases = packets.filter((one) => one.type === "PUBREL");
    expect(releases.map((release) => release.bytes)).toEqual([packet(0x62, u16(three!.packetIdentifier))]);
  });

  it("MQTT311-4.7.2-1 a leading wildcard does not match a topic that begins with $", async () => {
    const level = broker.name();
    const topicName = `$${level}/${level}`;
    const client = await broker.connect({ version });
    await client.subscribe([[`+/${level}`, 0]]);
    client.send(publish({ topicName }, version));
    await client.fence();
    await client.subscribe([[topicName, 0]]);
    client.send(publish({ topicName }, version));
    expect((await client.expect("PUBLISH")).topicName).toBe(topicName);
  });

  it("MQTT311-2.2.2-2, MQTT311-4.8.0-1 a protocol violation closes the connection, without DISCONNECT", async () => {
    for (const violation of [
      packet(0xc1),
      packet(0x60, u16(1)),
      packet(0x40, u16(1), bytes(0)),
      publish({ topicName: "a/#" }, version),
      publish({ topicName: "" }, version),
      publish({ topicName: "a", qos: 3, packetIdentifier: 1 }, version),
      publish({ topicName: "a", qos: 1, packetIdentifier: 0 }, version),
      disconnect(0),
      auth(0x19, { authenticationMethod: "X" }),
    ]) {
      const client = await broker.connect({ version });
      client.send(violation);
      await client.expectClosed();
    }
  });

  it("MQTT311-3.3.2-1 a message of an MQTT 5.0 client arrives without its properties", async () => {
    const topicName = broker.name();
    const client = await subscribed(topicName, 1);
    const publisher = await broker.connect();
    await publisher.publish({ topicName, payload: "x", qos: 1, properties: { contentType: "c" } });
    const message = await client.expect("PUBLISH");
    expect(message.bytes).toEqual(
      packet(0x32, lengthPrefixed(topicName), u16(message.packetIdentifier), Buffer.from("x")),
    );
    client.send(puback(message.packetIdentifier));
    await client.fence();
  });
});

describe("MQTT 3.1.1: refusals", needsDunlin, () => {
  const refusals: ReadonlyMap<string, AuthenticationResult> = new Map([
    ["unavailable", { accepted: false, reasonCode: serverUnavailable }],
    ["bad password", { accepted: false, reasonCode: badUserNameOrPassword }],
    ["not authorized", { accepted: false, reasonCode: notAuthorized }],
    ["banned", { accepted: false, reasonCode: banned }],
    ["quota", { accepted: false, reasonCode: quotaExceeded }],
  ]);
  const broker = useBroker(
    embeddedBroker({
      authenticator: {
        authenticate({ connect: { userName } }) {
          return refusals.get(userName ?? "") ?? { accepted: true };
        },
      },
      authorizer: { authorize: ({ topic }) => !topic.startsWith("secret") },
    }),
  );

  it("MQTT311-3.1.4-5, MQTT311-3.2.2-6 refusals get the return code that fits, and nothing is processed after", async () => {
    const topicName = broker.name();
    const expected = [
      ["unavailable", 3],
      ["bad password", 4],
      ["not authorized", 5],
    ] as const;
    for (const [userName, returnCode] of expected) {
      const client = await broker.open(version);
      const message = publish({ topicName, payload: "x", retain: true }, version);
      client.send(connect({ version, userName, clientId: broker.name() }), message);
      await client.expectRefusal(returnCode);
    }
    for (const userName of ["banned", "quota"]) {
      const client = await broker.open(version);
      client.send(connect({ version, userName, clientId: broker.name() }));
      await client.expectRejected(3, 5);
    }
    const watcher = await broker.connect({ version });
    await watcher.subscribe([[topicName, 0]]);
    await watcher.fence();
  });

  it("MQTT311-3.3.5-2 a PUBLISH that is denied is acknowledged as its QoS says, and goes nowhere", async () => {
    const watcher = await broker.connect({ version });
    await watcher.subscribe([["#", 0]]);
    const client = await broker.connect({ version });
    for (const qos of [0, 1, 2]) await client.publish({ topicName: "secret", qos });
    await client.fence();
    await watcher.expectNothing();
  });

  it("MQTT311-3.9.3-2 a Topic Filter that is denied gets 0x80", async () => {
    const client = await broker.connect({ version });
    const suback = await client.subscribe([
      ["secret/a", 1],
      ["a", 1],
    ]);
    expect(suback.reasonCodes).toEqual([0x80, 1]);
  });
});
