import { describe, expect, test } from "vitest";
import { missingPahoPython, type PahoConnectOptions, PahoPython } from "./paho-python-client.ts";
import { closing, skipWithout, uniqueName } from "./test-scope.ts";
import { useBroker } from "./use-broker.ts";

const broker = useBroker({ limits: { maximumKeepAliveSeconds: 30 } });

async function connect(options: Partial<PahoConnectOptions> = {}) {
  const client = closing(new PahoPython());
  const connack = await client.connect({
    url: broker.url("tcp"),
    version: "5.0",
    clientId: uniqueName("client"),
    cleanStart: true,
    caFile: broker.certificates.ca,
    ...options,
  });
  return { client, connack };
}

describe("Eclipse Paho for Python 1.6, MQTT 5.0 over TCP", () => {
  test("all properties of a message arrive as sent, User Properties in order", async (context) => {
    skipWithout(context, missingPahoPython);
    const topic = uniqueName("properties");
    const { client } = await connect();
    await client.subscribe(topic, 1, {}, { SubscriptionIdentifier: 268_435_455 });
    const properties = {
      PayloadFormatIndicator: 1,
      ContentType: "text/plain",
      ResponseTopic: "answers/1",
      CorrelationData: "17",
      UserProperty: [
        ["zebra", "2"],
        ["ant", "größe"],
        ["zebra", "1"],
        ["", ""],
      ],
    };
    await client.publishAll({ topic, payloads: ["text"], qos: 1, properties });
    const received = (await client.inbox.next()).properties;
    expect(received).toEqual({ ...properties, SubscriptionIdentifier: [268_435_455] });
  });

  test("CONNACK tells the limits, and the id where none was sent", async (context) => {
    skipWithout(context, missingPahoPython);
    const { connack } = await connect({ clientId: "" });
    expect(connack).toMatchObject({
      sessionPresent: false,
      reasonCode: 0,
      properties: { ServerKeepAlive: 30, AssignedClientIdentifier: expect.stringMatching(/./) },
    });
  });

  test("reason codes tell what became of subscriptions", async (context) => {
    skipWithout(context, missingPahoPython);
    const topic = uniqueName("reasons");
    const { client } = await connect();
    expect(await client.subscribe(topic, 2)).toEqual([2]);
    expect(await client.subscribe(topic, 0)).toEqual([0]);
    expect(await client.unsubscribe(topic)).toEqual([0]);
    expect(await client.unsubscribe(topic)).toEqual([0x11]);
  });

  test("No Local, Retain As Published and Retain Handling", async (context) => {
    skipWithout(context, missingPahoPython);
    const topic = uniqueName("options");
    const { client } = await connect();
    const { client: other } = await connect();
    const message = { topic, payload: "kept", qos: 1, retain: true } as const;
    await other.publish(message);
    await client.subscribe(topic, 1, { noLocal: true, retainAsPublished: true, retainHandling: 2 });
    await client.publish({ ...message, payload: "own" });
    await other.publish({ ...message, payload: "now" });
    expect(await client.inbox.next()).toMatchObject({ payload: "now", retain: true });
    await client.subscribe(topic, 1, { retainHandling: 0 });
    expect(await client.inbox.next()).toMatchObject({ payload: "now", retain: true });
  });

  test("a second connection takes the session over", async (context) => {
    skipWithout(context, missingPahoPython);
    const session = {
      clientId: uniqueName("client"),
      cleanStart: false,
      properties: { SessionExpiryInterval: 100 },
    };
    const { client: first } = await connect(session);
    await first.subscribe(uniqueName("topic"), 1);
    const { connack } = await connect(session);
    expect(connack.sessionPresent).toBe(true);
    expect(await first.disconnects.next()).toBe(0x8e);
    await first.cut();
  });

  test("DISCONNECT can end the session, and leave the will", async (context) => {
    skipWithout(context, missingPahoPython);
    const topic = uniqueName("will");
    const { client: watcher } = await connect();
    await watcher.subscribe(topic, 2);
    const will = { topic, payload: "will", qos: 2, retain: false } as const;
    const willProperties = { WillDelayInterval: 100, ContentType: "will", UserProperty: [["a", "b"]] };
    const session = {
      clientId: uniqueName("client"),
      cleanStart: false,
      properties: { SessionExpiryInterval: 100 },
      will: { ...will, properties: willProperties },
    };
    const { client } = await connect(session);
    await client.end(0x04, { SessionExpiryInterval: 0 });
    // The session's end comes before the delay's.
    expect(await watcher.inbox.next()).toMatchObject({
      ...will,
      properties: { ContentType: "will", UserProperty: [["a", "b"]] },
    });
    expect((await connect(session)).connack.sessionPresent).toBe(false);
  });
});
