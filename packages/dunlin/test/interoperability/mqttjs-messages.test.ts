import { setTimeout as sleep } from "node:timers/promises";
import type { IClientOptions, IPublishPacket } from "mqtt";
import { describe, expect, test } from "vitest";
import { connectMqttJs, type MqttJsClient } from "./mqttjs-client.ts";
import { closing, uniqueName } from "./test-scope.ts";
import { useBroker } from "./use-broker.ts";

const broker = useBroker();

async function connect(options: IClientOptions = {}): Promise<MqttJsClient> {
  return closing(await connectMqttJs(broker.url("tcp"), "5.0", options));
}

/** The PUBLISH packets that come, before Topic Aliases are resolved. */
function publishPacketsOf({ client }: MqttJsClient): IPublishPacket[] {
  const packets: IPublishPacket[] = [];
  client.on("packetreceive", (packet) => {
    // MQTT.js writes the topic into the packet once it has resolved the alias.
    if (packet.cmd === "publish") packets.push({ ...packet });
  });
  return packets;
}

describe("MQTT.js 5, MQTT 5.0 over TCP", () => {
  test("all properties of a message arrive as sent", async () => {
    const topic = uniqueName("properties");
    const receiver = await connect();
    await receiver.client.subscribeAsync(topic, { qos: 1 });
    const properties = {
      payloadFormatIndicator: true,
      contentType: "text/plain; charset=utf-8",
      responseTopic: "answers/1",
      correlationData: Buffer.from([0, 1, 254, 255]),
      userProperties: { zebra: ["2", "1", "2"], ant: "größe" },
    };
    await (await connect()).client.publishAsync(topic, "text", { qos: 1, properties });
    expect((await receiver.inbox.next()).properties).toEqual(properties);
  });

  test("a request finds its response", async () => {
    const topic = uniqueName("request");
    const [asking, answering] = [await connect(), await connect()];
    answering.client.on("message", (_topic, payload, { properties = {} }) => {
      const { responseTopic = "", correlationData } = properties;
      answering.client.publish(responseTopic, `${payload} 4`, {
        qos: 1,
        properties: { correlationData: correlationData! },
      });
    });
    await answering.client.subscribeAsync(topic, { qos: 1 });
    await asking.client.subscribeAsync(`${topic}/answer`, { qos: 1 });
    const properties = { responseTopic: `${topic}/answer`, correlationData: Buffer.from("17") };
    await asking.client.publishAsync(topic, "2 + 2 =", { qos: 1, properties });
    const answer = await asking.inbox.next();
    expect(answer.payload).toBe("2 + 2 = 4");
    expect(answer.properties.correlationData?.toString()).toBe("17");
  });

  test("messages expire while their session waits, and the rest of the time is counted down", async () => {
    const topic = uniqueName("expiry");
    const session = {
      clientId: uniqueName("client"),
      clean: false,
      properties: { sessionExpiryInterval: 100 },
    };
    const before = await connect(session);
    await before.client.subscribeAsync(`${topic}/#`, { qos: 1 });
    await before.end();
    const { client } = await connect();
    const expiring = (messageExpiryInterval: number) => ({
      qos: 1 as const,
      properties: { messageExpiryInterval },
    });
    await client.publishAsync(`${topic}/session`, "short", expiring(1));
    await client.publishAsync(`${topic}/session`, "long", expiring(60));
    await client.publishAsync(`${topic}/retained`, "short", { ...expiring(1), retain: true });
    // Time is what is tested.
    await sleep(2100);
    const after = await connect(session);
    const kept = await after.inbox.next();
    expect(kept.payload).toBe("long");
    expect(kept.properties.messageExpiryInterval).toBeGreaterThan(50);
    expect(kept.properties.messageExpiryInterval).toBeLessThan(59);
    const late = await connect();
    await late.client.subscribeAsync(`${topic}/retained`);
    await client.publishAsync(`${topic}/retained`, "end");
    expect((await late.inbox.next()).payload).toBe("end");
  });

  test("topic aliases stand for topics both ways", async () => {
    const topic = uniqueName("alias");
    const receiver = await connect({ properties: { topicAliasMaximum: 1 } });
    const packets = publishPacketsOf(receiver);
    await receiver.client.subscribeAsync(`${topic}/#`);
    const sender = await connect({ autoAssignTopicAlias: true });
    const sent: (string | undefined)[] = [];
    sender.client.on("packetsend", (packet) => {
      if (packet.cmd === "publish") sent.push(String(packet.topic));
    });
    for (const level of ["a", "a", "b", "a"]) await sender.client.publishAsync(`${topic}/${level}`, level);

    const received = await receiver.inbox.take(4);
    expect(received.map((message) => message.topic)).toEqual(
      ["a", "a", "b", "a"].map((l) => `${topic}/${l}`),
    );
    expect(sent).toEqual([`${topic}/a`, "", `${topic}/b`, ""]);
    expect(packets.map((packet) => packet.topic)).toEqual([`${topic}/a`, "", `${topic}/b`, ""]);
  });

  test("a message for overlapping subscriptions comes once, with all their identifiers", async () => {
    const topic = uniqueName("identifiers");
    const receiver = await connect();
    for (const [index, filter] of [`${topic}/#`, `${topic}/+`, `${topic}/a`].entries()) {
      const properties = { subscriptionIdentifier: index + 1 };
      await receiver.client.subscribeAsync(filter, { qos: index as 0 | 1 | 2, properties });
    }
    await receiver.client.publishAsync(`${topic}/a`, "once", { qos: 2 });
    const received = await receiver.inbox.next();
    expect(received).toMatchObject({ payload: "once", qos: 2 });
    const identifiers = [received.properties.subscriptionIdentifier ?? []].flat();
    expect(identifiers.sort()).toEqual([1, 2, 3]);
    await receiver.client.publishAsync(`${topic}/a/b`, "end", { qos: 1 });
    expect(await receiver.inbox.next()).toMatchObject({
      payload: "end",
      qos: 0,
      properties: { subscriptionIdentifier: 1 },
    });
  });

  test("members of a shared subscription share its messages", async () => {
    const topic = uniqueName("shared");
    const members = [await connect(), await connect()];
    const payloads: string[][] = [[], []];
    const all = new Promise<void>((resolve) => {
      for (const [index, { client }] of members.entries()) {
        client.on("message", (_topic, payload) => {
          payloads[index]!.push(payload.toString());
          if (payloads.flat().length === 50) resolve();
        });
      }
    });
    for (const { client } of members) await client.subscribeAsync(`$share/group/${topic}`, { qos: 1 });
    const sender = await connect();
    const sent = Array.from({ length: 50 }, (_, index) => String(index));
    for (const payload of sent) await sender.client.publishAsync(topic, payload, { qos: 1 });
    await all;
    expect(payloads.flat().sort()).toEqual(sent.sort());
    expect(Math.min(...payloads.map((own) => own.length))).toBeGreaterThan(0);
  });

  test("what a lost member of a shared subscription has not acknowledged goes to another", async () => {
    const topic = uniqueName("shared");
    const lost = await connect({ customHandleAcks: () => undefined });
    await lost.client.subscribeAsync(`$share/group/${topic}`, { qos: 1 });
    const arrived = new Promise((resolve) => {
      lost.client.on("packetreceive", (packet) => packet.cmd === "publish" && resolve(undefined));
    });
    const sender = await connect();
    await sender.client.publishAsync(topic, "work", { qos: 1 });
    await arrived;
    const other = await connect();
    await other.client.subscribeAsync(`$share/group/${topic}`, { qos: 1 });
    await lost.cut();
    expect(await other.inbox.next()).toMatchObject({ payload: "work", qos: 1 });
  });

  test("No Local, Retain As Published and Retain Handling", async () => {
    const topic = uniqueName("options");
    const { client, inbox } = await connect();
    const other = await connect();
    await other.client.publishAsync(`${topic}/kept`, "before", { qos: 1, retain: true });
    await client.subscribeAsync(`${topic}/#`, { qos: 1, nl: true, rap: true, rh: 2 });
    await client.publishAsync(`${topic}/own`, "own", { qos: 1 });
    await other.client.publishAsync(`${topic}/kept`, "now", { qos: 1, retain: true });
    expect(await inbox.next()).toMatchObject({ payload: "now", retain: true });
    await client.subscribeAsync(`${topic}/kept`, { qos: 1, rh: 1 });
    expect(await inbox.next()).toMatchObject({ payload: "now", retain: true });
    // It is there by now, so that nothing is sent for it again.
    await client.subscribeAsync(`${topic}/kept`, { qos: 1, rh: 1 });
    await other.client.publishAsync(`${topic}/end`, "end", { qos: 1 });
    expect(await inbox.next()).toMatchObject({ payload: "end" });
  });

  test("reason codes tell what became of publishes and subscriptions", async () => {
    const topic = uniqueName("reasons");
    const { client } = await connect();
    const reasons: unknown[] = [];
    client.on("packetreceive", (packet) => {
      if (packet.cmd === "puback" || packet.cmd === "pubrec")
        reasons.push([packet.cmd, packet.reasonCode ?? 0]);
    });
    await client.publishAsync(topic, "", { qos: 1 });
    await client.publishAsync(topic, "", { qos: 2 });
    const granted = await client.subscribeAsync({ [topic]: { qos: 2 }, [`${topic}/+`]: { qos: 0 } });
    expect(granted.map(({ qos }) => qos)).toEqual([2, 0]);
    await client.publishAsync(topic, "", { qos: 1 });
    expect(reasons).toEqual([
      ["puback", 0x10],
      ["pubrec", 0x10],
      ["puback", 0],
    ]);
    expect(await client.unsubscribeAsync([topic, "never"])).toMatchObject({ granted: [0, 0x11] });
  });

  test("No Local with a shared subscription is a protocol error", async () => {
    const { client } = await connect();
    const told = new Promise((resolve) => client.once("disconnect", resolve));
    client.subscribe("$share/group/a", { qos: 0, nl: true });
    expect(await told).toMatchObject({ cmd: "disconnect", reasonCode: 0x82 });
  });
});
