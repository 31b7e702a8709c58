// Knows all lights from their retained messages, however late it comes, and sets scenes.
import { setTimeout as sleep } from "node:timers/promises";
import mqtt from "mqtt";
import type { LightState } from "./light-state.ts";

const { BROKER_URL = "mqtt://127.0.0.1:1883", COUNT = "Infinity", INTERVAL_MS = "5000" } = process.env;

const scenes: readonly { readonly name: string; readonly light: Partial<LightState> }[] = [
  { name: "evening", light: { on: true, brightness: 60 } },
  { name: "night", light: { on: false } },
];

const client = mqtt.connect(BROKER_URL, { clientId: "coordinator", protocolVersion: 5 });
client.on("error", (error) => console.error(error.message));

const online = new Set<string>();

client.on("message", (topic, payload) => {
  const [, room = "", , aspect] = topic.split("/");
  const text = payload.toString();
  if (aspect === "availability") {
    console.log(`${room}: ${text}`);
    if (text === "online") online.add(room);
    else online.delete(room);
  } else {
    const { on, brightness }: LightState = JSON.parse(text);
    console.log(`${room}: ${on ? `on, ${brightness} %` : "off"}`);
  }
});

await client.subscribeAsync(["home/+/light/availability", "home/+/light/state"], { qos: 1 });

for (let count = 0; count < Number(COUNT); count += 1) {
  await sleep(Number(INTERVAL_MS));
  const scene = scenes[count % scenes.length]!;
  console.log(`scene: ${scene.name}`);
  for (const room of online) {
    // A light that cannot be reached now shall not be switched when it comes back tomorrow.
    const soon = { qos: 1, properties: { messageExpiryInterval: 5 } } as const;
    await client.publishAsync(`home/${room}/light/set`, JSON.stringify(scene.light), soon);
  }
}
await sleep(Number(INTERVAL_MS));
await client.endAsync();
