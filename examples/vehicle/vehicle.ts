// Drives, and reports its position over a link that drops. What cannot be sent now is sent when the link is back.
import { setTimeout as sleep } from "node:timers/promises";
import mqtt from "mqtt";
import type { Position } from "./position.ts";

const { BROKER_URL = "mqtt://127.0.0.1:1883", COUNT = "Infinity", INTERVAL_MS = "200" } = process.env;
/** Positions between one tunnel and the next. */
const tunnelEvery = 25;

const client = mqtt.connect(BROKER_URL, {
  clientId: "vehicle-7",
  protocolVersion: 5,
  // The session outlives the connection, on both sides: what was in flight is sent again.
  clean: false,
  properties: { sessionExpiryInterval: 3600 },
  reconnectPeriod: 500,
});
client.on("error", (error) => console.error(error.message));
client.on("connect", () => console.log("connected"));

function drive(sequence: number): Position {
  const speedKmh = Math.round(60 + 30 * Math.sin(sequence / 20));
  return { sequence, latitude: 53.55 + sequence * 0.0002, longitude: 9.99 + sequence * 0.0003, speedKmh };
}

/** Tries until the broker has it: what MQTT.js has not yet put in flight fails when the link breaks. */
async function report(position: Position): Promise<void> {
  try {
    await client.publishAsync("vehicles/7/position", JSON.stringify(position), { qos: 1 });
  } catch {
    await report(position);
  }
}

let reported = Promise.resolve();
for (let sequence = 1; sequence <= Number(COUNT); sequence += 1) {
  const position = drive(sequence);
  // One after the other: each waits for the one before, however long the link is gone.
  reported = reported.then(() => report(position));
  if (sequence % tunnelEvery === 0) {
    console.log("in a tunnel");
    client.stream.destroy();
  }
  await sleep(Number(INTERVAL_MS));
}
await reported;
await client.endAsync();
console.log(`${COUNT} positions reported, all acknowledged`);
