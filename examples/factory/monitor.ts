// Watches the machines and raises an alarm where a reading is over its limit.
import mqtt from "mqtt";
import type { Quantity, Telemetry } from "./telemetry.ts";

const { BROKER_URL = "mqtt://127.0.0.1:1883", COUNT = "Infinity" } = process.env;

/** An alarm is cleared below a lower value than it is raised at, so that it does not flutter. */
const limits: Readonly<Record<Quantity, { unit: string; raiseAt: number; clearBelow: number }>> = {
  temperature: { unit: "°C", raiseAt: 80, clearBelow: 75 },
  vibration: { unit: "mm/s", raiseAt: 7, clearBelow: 6 },
};

const client = mqtt.connect(BROKER_URL, {
  clientId: "monitor",
  protocolVersion: 5,
  // While it is away for less than an hour, readings wait for it.
  clean: false,
  properties: { sessionExpiryInterval: 3600 },
});
client.on("error", (error) => console.error(error.message));

const alarms = new Set<string>();
let readings = 0;

function check(machine: string, quantity: Quantity, value: number): void {
  const { unit, raiseAt, clearBelow } = limits[quantity];
  const topic = `factory/${machine}/alarm/${quantity}`;
  if (!alarms.has(topic) && value >= raiseAt) {
    alarms.add(topic);
    console.log(`ALARM ${machine}: ${quantity} is ${value} ${unit}`);
    // Retained: a screen that is switched on later shows what is wrong now.
    client.publish(topic, JSON.stringify({ value, unit }), { qos: 1, retain: true });
  } else if (alarms.has(topic) && value < clearBelow) {
    alarms.delete(topic);
    console.log(`clear ${machine}: ${quantity} is ${value} ${unit}`);
    // An empty payload takes the retained message away.
    client.publish(topic, "", { qos: 1, retain: true });
  }
}

client.on("message", (topic, payload) => {
  if (readings === Number(COUNT)) return;
  const [, line, name] = topic.split("/");
  const telemetry: Telemetry = JSON.parse(payload.toString());
  check(`${line}/${name}`, "temperature", telemetry.temperature);
  check(`${line}/${name}`, "vibration", telemetry.vibration);
  readings += 1;
  if (readings === Number(COUNT)) {
    console.log(`${readings} readings, ${alarms.size} alarms still raised`);
    // What is under way is still acknowledged before the end.
    client.unsubscribe("factory/+/+/telemetry", () => client.end());
  }
});

await client.subscribeAsync("factory/+/+/telemetry", { qos: 1 });
console.log("monitoring");
