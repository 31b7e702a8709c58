// A light: does what it is told, and leaves its state and whether it is there for everyone to see.
import mqtt from "mqtt";
import type { LightState } from "./light-state.ts";

const { BROKER_URL = "mqtt://127.0.0.1:1883", COUNT = "Infinity" } = process.env;
const [room = "kitchen"] = process.argv.slice(2);
const topic = `home/${room}/light`;
const retained = { qos: 1, retain: true } as const;

const client = mqtt.connect(BROKER_URL, {
  clientId: `light-${room}`,
  protocolVersion: 5,
  keepalive: 10,
  // The broker says it for us when we cannot: power cut, network gone, program crashed.
  will: { topic: `${topic}/availability`, payload: Buffer.from("offline"), ...retained },
});
client.on("error", (error) => console.error(error.message));

let state: LightState = { on: false, brightness: 100 };
let commands = 0;

async function publishState(): Promise<void> {
  await client.publishAsync(`${topic}/state`, JSON.stringify(state), retained);
}

async function leave(): Promise<void> {
  await client.publishAsync(`${topic}/availability`, "offline", retained);
  await client.endAsync();
}

client.on("connect", async () => {
  await client.subscribeAsync(`${topic}/set`, { qos: 1 });
  await publishState();
  await client.publishAsync(`${topic}/availability`, "online", retained);
  console.log(`the ${room} light is ready`);
});

client.on("message", async (_topic, payload) => {
  state = { ...state, ...JSON.parse(payload.toString()) };
  console.log(state.on ? `on, ${state.brightness} %` : "off");
  await publishState();
  commands += 1;
  if (commands === Number(COUNT)) await leave();
});

process.once("SIGINT", leave);
