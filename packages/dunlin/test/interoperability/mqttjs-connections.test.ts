import { setTimeout as sleep } from "node:timers/promises";
import type { IClientOptions, IDisconnectPacket } from "mqtt";
import { describe, expect, test } from "vitest";
import { connectMqttJs, type MqttJsClient } from "./mqttjs-client.ts";
import { closing, uniqueName } from "./test-scope.ts";
import { useBroker } from "./use-broker.ts";

const broker = useBroker({
  limits: {
    maximumKeepAliveSeconds: 30,
    receiveMaximum: 10,
    maximumPacketSize: 100_000,
    topicAliasMaximum: 7,
  },
});

async function connect(options: IClientOptions = {}): Promise<MqttJsClient> {
  return closing(await connectMqttJs(broker.url("tcp"), "5.0", options));
}

function disconnectOf({ client }: MqttJsClient): Promise<IDisconnectPacket> {
  return new Promise((resolve) => client.once("disconnect", resolve));
}

/** A session of its own that lives that long without a connection. */
function session(sessionExpiryInterval: number): IClientOptions {
  return { clientId: uniqueName("client"), clean: false, properties: { sessionExpiryInterval } };
}

describe("MQTT.js 5, MQTT 5.0 over TCP", () => {
  test("CONNACK tells the limits, and the id where none was sent", async () => {
    const { connack } = await connect({ clientId: "", keepalive: 3600 });
    expect(connack.properties).toMatchObject({
      serverKeepAlive: 30,
      receiveMaximum: 10,
      maximumPacketSize: 100_000,
      topicAliasMaximum: 7,
      assignedClientIdentifier: expect.stringMatching(/./),
    });
    const content = await connect({ clientId: "own", keepalive: 20 });
    expect(content.connack.properties).not.toHaveProperty("serverKeepAlive");
    expect(content.connack.properties).not.toHaveProperty("assignedClientIdentifier");
  });

  test("a session lives as long as it was to, and DISCONNECT can end it", async () => {
    const [short, long, ended] = [session(1), session(100), session(100)];
    for (const options of [short, long]) await (await connect(options)).cut();
    const { client } = await connect(ended);
    await client.endAsync(false, { properties: { sessionExpiryInterval: 0 } });
    expect((await connect(ended)).connack.sessionPresent).toBe(false);
    // Time is what is tested.
    await sleep(2100);
    expect((await connect(short)).connack.sessionPresent).toBe(false);
    expect((await connect(long)).connack.sessionPresent).toBe(true);
  });

  test("a second connection takes the session over", async () => {
    const options = session(100);
    const first = await connect(options);
    await first.client.subscribeAsync(uniqueName("topic"));
    const told = disconnectOf(first);
    const second = await connect(options);
    expect(second.connack.sessionPresent).toBe(true);
    expect(await told).toMatchObject({ reasonCode: 0x8e });
  });

  test("no more is sent unacknowledged than the client's Receive Maximum", async () => {
    const topic = uniqueName("flow");
    const acknowledgements: (() => void)[] = [];
    const { client } = await connect({
      properties: { receiveMaximum: 2 },
      customHandleAcks: (_topic, _message, _packet, done) => void acknowledgements.push(() => done(0)),
    });
    // MQTT.js looks at a message only when the one before is acknowledged: what is on the wire counts.
    let wire = "";
    client.stream.on("data", (chunk: Buffer) => {
      wire += chunk.toString("latin1");
    });
    /** Messages that have come once a PINGRESP, which is never held back, has come, too. */
    const countMessages = async (): Promise<number> => {
      client.sendPing();
      await expect.poll(() => wire.endsWith("\xd0\0")).toBe(true);
      wire = wire.slice(0, -2);
      return wire.split("<message>").length - 1;
    };
    await client.subscribeAsync(topic, { qos: 1 });
    const sender = await connect();
    for (let count = 0; count < 5; count += 1) {
      await sender.client.publishAsync(topic, "<message>", { qos: 1 });
    }
    for (const expected of [2, 3, 4, 5, 5]) {
      expect(await countMessages()).toBe(expected);
      await expect.poll(() => acknowledgements.length).toBe(1);
      acknowledgements.pop()?.();
      // PUBACK is on its way before the next PINGREQ, but not before MQTT.js has come back to it.
      await new Promise((resolve) => setImmediate(resolve));
    }
  });

  test("what exceeds the client's Maximum Packet Size is left out", async () => {
    const topic = uniqueName("size");
    const { client, inbox } = await connect({ properties: { maximumPacketSize: 200 } });
    await client.subscribeAsync(topic, { qos: 1 });
    const sender = await connect();
    await sender.client.publishAsync(topic, "x".repeat(300), { qos: 1 });
    await sender.client.publishAsync(topic, "small", { qos: 1 });
    expect((await inbox.next()).payload).toBe("small");
  });

  test("a packet beyond the broker's Maximum Packet Size ends the connection", async () => {
    const sender = await connect();
    const told = disconnectOf(sender);
    sender.client.publish("large", "x".repeat(100_001), { qos: 0 });
    expect(await told).toMatchObject({ reasonCode: 0x95 });
  });

  test("a will waits for its delay, and is dropped where its client comes back", async () => {
    const topic = uniqueName("will");
    const { client, inbox } = await connect();
    await client.subscribeAsync(`${topic}/+`, { qos: 1 });
    const withWill = (name: string): IClientOptions => ({
      ...session(100),
      will: {
        topic: `${topic}/${name}`,
        payload: Buffer.from(name),
        qos: 1,
        retain: false,
        properties: { willDelayInterval: 1, contentType: "will", userProperties: { why: name } },
      },
    });
    const [back, gone] = [withWill("back"), withWill("gone")];
    for (const options of [back, gone]) await (await connect(options)).cut();
    const cutAt = performance.now();
    await connect(back);
    const will = await inbox.next();
    expect(will).toMatchObject({
      payload: "gone",
      properties: { contentType: "will", userProperties: { why: "gone" } },
    });
    expect(performance.now() - cutAt).toBeGreaterThan(900);
    await client.publishAsync(`${topic}/end`, "end", { qos: 1 });
    expect((await inbox.next()).payload).toBe("end");
  });

  test("the broker says goodbye when it is stopped, and knows the session when it is back", async () => {
    const options = session(100);
    const before = await connect(options);
    await before.client.subscribeAsync(uniqueName("topic"), { qos: 1 });
    const told = disconnectOf(before);
    await broker.restart("SIGTERM");
    expect(await told).toMatchObject({ reasonCode: 0x8b });
    expect((await connect(options)).connack.sessionPresent).toBe(true);
  });
});
