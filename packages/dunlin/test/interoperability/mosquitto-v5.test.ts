import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { connectionArguments, MosquittoSub, missingMosquitto, runMosquitto } from "./mosquitto-client.ts";
import { skipWithout, uniqueName } from "./test-scope.ts";
import { useBroker } from "./use-broker.ts";

const broker = useBroker({ limits: { receiveMaximum: 5 } });

function argumentsFor(clientId: string = uniqueName("client")): string[] {
  return connectionArguments(broker.url("tcp"), "5.0", clientId, broker.certificates.ca);
}

async function subscribe(args: readonly string[], clientId?: string): Promise<MosquittoSub> {
  const sub = new MosquittoSub([...argumentsFor(clientId), ...args]);
  onTestFinished(() => sub.end("SIGKILL"));
  await sub.subscribed();
  return sub;
}

async function publish(topic: string, payload: string, ...args: string[]): Promise<void> {
  await runMosquitto("mosquitto_pub", [...argumentsFor(), "-t", topic, "-m", payload, ...args]);
}

/** A property of PUBLISH. */
function property(name: string, ...value: string[]): string[] {
  return ["-D", "publish", name, ...value];
}

describe("mosquitto_pub and mosquitto_sub 2, MQTT 5.0 over TCP", () => {
  test("all properties of a message arrive as sent, User Properties in order", async (context) => {
    skipWithout(context, missingMosquitto);
    const topic = uniqueName("properties");
    const sub = await subscribe(["-t", topic, "-D", "subscribe", "subscription-identifier", "42", "-q", "1"]);
    const pairs = ["zebra", "ant", "moth"].flatMap((name, index) =>
      property("user-property", name, `${index}`),
    );
    await publish(
      ...([topic, "text", "-q", "1", ...pairs] as const),
      ...property("content-type", "text/plain"),
      ...property("response-topic", "answers"),
      ...property("correlation-data", "17"),
      ...property("payload-format-indicator", "1"),
      ...property("message-expiry-interval", "100"),
    );
    const { properties } = await sub.inbox.next();
    expect(properties).toEqual({
      "user-properties": { zebra: "0", ant: "1", moth: "2" },
      "content-type": "text/plain",
      "response-topic": "answers",
      "correlation-data": "17",
      "payload-format-indicator": 1,
      "message-expiry-interval": expect.toSatisfy((seconds: number) => seconds >= 95 && seconds <= 100),
      "subscription-identifier": 42,
    });
    expect(Object.keys(properties["user-properties"] as object)).toEqual(["zebra", "ant", "moth"]);
  });

  test("mosquitto_rr gets the response to its request", async (context) => {
    skipWithout(context, missingMosquitto);
    const topic = uniqueName("request");
    const worker = await subscribe(["-t", topic, "-q", "1"]);
    const request = ["-t", topic, "-e", `${topic}/answer`, "-m", "2 + 2", "-W", "8"];
    const answer = runMosquitto("mosquitto_rr", [...argumentsFor(), ...request]);
    const { payload, properties } = await worker.inbox.next();
    expect(payload).toBe("2 + 2");
    await publish(String(properties["response-topic"]), "4", "-q", "1");
    expect(await answer).toBe("4\n");
  });

  test("a topic alias stands for the topic", async (context) => {
    skipWithout(context, missingMosquitto);
    const topic = uniqueName("alias");
    const sub = await subscribe(["-t", topic, "-q", "1"]);
    // Each repetition sets the alias again; the topic comes with it.
    await publish(topic, "text", "-q", "1", "--repeat", "3", ...property("topic-alias", "3"));
    expect((await sub.inbox.take(3)).map((message) => message.topic)).toEqual([topic, topic, topic]);
  });

  test("mosquitto_pub keeps to the broker's Receive Maximum", async (context) => {
    skipWithout(context, missingMosquitto);
    const topic = uniqueName("flow");
    const sub = await subscribe(["-t", topic, "-q", "2"]);
    await publish(topic, "text", "-q", "2", "--repeat", "200");
    expect((await sub.inbox.take(200)).length).toBe(200);
  });

  test("mosquitto_sub with Receive Maximum 1 gets one message after the other", async (context) => {
    skipWithout(context, missingMosquitto);
    const topic = uniqueName("flow");
    const sub = await subscribe(["-t", topic, "-q", "2", "-D", "connect", "receive-maximum", "1"]);
    await publish(topic, "text", "-q", "2", "--repeat", "50");
    await sub.inbox.take(50);
    const packets = sub.log.join("\n").match(/received PUBLISH|received PUBREL|sending PUBCOMP/g);
    const each = ["received PUBLISH", "received PUBREL", "sending PUBCOMP"];
    expect(packets?.slice(0, 147)).toEqual(Array.from({ length: 49 }, () => each).flat());
  });

  test("members of a shared subscription share its messages", async (context) => {
    skipWithout(context, missingMosquitto);
    const topic = uniqueName("shared");
    const members = [
      await subscribe(["-t", `$share/group/${topic}`, "-q", "1", "-C", "10"]),
      await subscribe(["-t", `$share/group/${topic}`, "-q", "1", "-C", "10"]),
    ];
    await publish(topic, "text", "-q", "1", "--repeat", "20");
    for (const { inbox } of members) expect((await inbox.take(10)).length).toBe(10);
  });

  test("messages expire while their session waits", async (context) => {
    skipWithout(context, missingMosquitto);
    const [topic, clientId] = [uniqueName("expiry"), uniqueName("client")];
    const args = ["-t", topic, "-q", "1", "-c", "-x", "100"];
    await (await subscribe(args, clientId)).end("SIGTERM");
    await publish(topic, "short", "-q", "1", ...property("message-expiry-interval", "1"));
    await publish(topic, "long", "-q", "1", ...property("message-expiry-interval", "60"));
    // Time is what is tested.
    await sleep(2100);
    expect((await (await subscribe(args, clientId)).inbox.next()).payload).toBe("long");
  });

  test("a session ends when its expiry interval is over", async (context) => {
    skipWithout(context, missingMosquitto);
    const [topic, clientId] = [uniqueName("session"), uniqueName("client")];
    const args = ["-t", topic, "-q", "1", "-c"];
    await (await subscribe([...args, "-x", "1"], clientId)).end("SIGTERM");
    await publish(topic, "lost", "-q", "1");
    // Time is what is tested.
    await sleep(2100);
    const { inbox } = await subscribe([...args, "-x", "1"], clientId);
    await publish(topic, "end", "-q", "1");
    expect((await inbox.next()).payload).toBe("end");
  });

  test("Retain As Published keeps the flag", async (context) => {
    skipWithout(context, missingMosquitto);
    const topic = uniqueName("options");
    const sub = await subscribe(["-t", topic, "-q", "1", "--retain-as-published"]);
    await publish(topic, "retained", "-q", "1", "-r");
    expect(await sub.inbox.next()).toMatchObject({ payload: "retained", retain: true });
  });
});
