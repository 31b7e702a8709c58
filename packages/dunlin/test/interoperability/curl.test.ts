import { execFile, spawn, spawnSync } from "node:child_process";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import type { Message } from "./client-under-test.ts";
import { Inbox } from "./inbox.ts";
import { mqttJsOpener } from "./mqttjs-client.ts";
import { closing, skipWithout, uniqueName } from "./test-scope.ts";
import { useBroker } from "./use-broker.ts";

const broker = useBroker();
const openPeer = mqttJsOpener(broker.certificates.ca);
const curl = promisify(execFile);

const { stdout: about = "" } = spawnSync("curl", ["--version"], { encoding: "utf8" });
const missing = /\bmqtt\b/.test(about) ? undefined : "curl is not installed, or without mqtt://";

/** What curl prints of a topic, for ever. Each payload must stand in `<` and `>`: versions differ in what is between. */
function curlSubscribe(topic: string): Inbox<string> {
  const child = spawn("curl", ["--silent", "--no-buffer", `${broker.url("tcp")}/${topic}`], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  onTestFinished(() => void child.kill());
  const payloads = new Inbox<string>();
  let text = "";
  child.stdout.on("data", (chunk) => {
    text += chunk;
    for (let end = text.indexOf(">"); end >= 0; end = text.indexOf(">")) {
      payloads.push(text.slice(text.indexOf("<"), end + 1));
      text = text.slice(end + 1);
    }
  });
  return payloads;
}

test("curl, MQTT 3.1.1 over TCP: publishes with QoS 0", async (context) => {
  skipWithout(context, missing);
  const topic = uniqueName("out");
  const subscriptions = [{ topicFilter: topic, qos: 2 }] as const;
  const clientId = uniqueName("peer");
  const peer = closing(await openPeer({ url: broker.url("tcp"), version: "5.0", clientId, subscriptions }));
  await curl("curl", ["--silent", "--data", "x".repeat(5000), `${broker.url("tcp")}/${topic}`]);
  expect(await peer.inbox.next()).toMatchObject({ topic, payload: "x".repeat(5000), qos: 0, retain: false });
});

test("curl, MQTT 3.1.1 over TCP: receives a retained message, then new ones", async (context) => {
  skipWithout(context, missing);
  const topic = uniqueName("in");
  const peer = closing(
    await openPeer({ url: broker.url("tcp"), version: "5.0", clientId: uniqueName("peer") }),
  );
  const message: Message = { topic, payload: "<retained>", qos: 1, retain: true };
  await peer.publish(message);
  const payloads = curlSubscribe(topic);
  expect(await payloads.next()).toBe("<retained>");
  for (const qos of [0, 1, 2] as const) {
    await peer.publish({ topic, payload: `<QoS ${qos}>`, qos, retain: false });
    expect(await payloads.next()).toBe(`<QoS ${qos}>`);
  }
});
