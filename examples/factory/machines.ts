// Machines that publish telemetry with QoS 1: once a reading is acknowledged, the broker has stored it.
import { setTimeout as sleep } from "node:timers/promises";
import mqtt from "mqtt";
import type { Telemetry } from "./telemetry.ts";

const { BROKER_URL = "mqtt://127.0.0.1:1883", COUNT = "Infinity", INTERVAL_MS = "1000" } = process.env;

/** Simulated: the oven runs hot now and then, the press shakes with every tenth stroke. */
const machines: Readonly<Record<string, (reading: number) => Telemetry>> = {
  "line-1/press": (reading) => ({ temperature: 45, vibration: reading % 10 === 0 ? 8.2 : 3.1 }),
  "line-1/robot": (reading) => ({ temperature: 38, vibration: 1 + (reading % 3) / 10 }),
  "line-2/oven": (reading) => ({ temperature: Math.round(70 + 15 * Math.sin(reading / 5)), vibration: 0.2 }),
};

async function run(machine: string, measure: (reading: number) => Telemetry): Promise<void> {
  const client = mqtt.connect(BROKER_URL, {
    clientId: machine.replace("/", "-"),
    protocolVersion: 5,
  });
  client.on("error", (error) => console.error(`${machine}: ${error.message}`));
  for (let reading = 1; reading <= Number(COUNT); reading += 1) {
    await client.publishAsync(`factory/${machine}/telemetry`, JSON.stringify(measure(reading)), { qos: 1 });
    await sleep(Number(INTERVAL_MS));
  }
  await client.endAsync();
  console.log(`${machine}: ${COUNT} readings, all acknowledged`);
}

await Promise.all(Object.entries(machines).map(([machine, measure]) => run(machine, measure)));
