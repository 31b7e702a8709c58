// Follows the vehicle over a link that drops, too, and counts: nothing is lost and the order is kept.
import mqtt from "mqtt";
import type { Position } from "./position.ts";

const { BROKER_URL = "mqtt://127.0.0.1:1883", COUNT = "Infinity" } = process.env;
/** Messages between one outage and the next. */
const outageEvery = 40;

const client = mqtt.connect(BROKER_URL, {
  clientId: "tracker",
  protocolVersion: 5,
  // Positions wait in the session while the tracker is away.
  clean: false,
  properties: { sessionExpiryInterval: 3600 },
  reconnectPeriod: 500,
});
client.on("error", (error) => console.error(error.message));

const seen = { positions: 0, missing: 0, repeated: 0, outages: 0, topSpeedKmh: 0 };
let last: number | undefined;

/** Whether the position is a new one. */
function follow({ sequence, speedKmh }: Position): boolean {
  if (last !== undefined && sequence <= last) {
    // QoS 1 is "at least once": what was not acknowledged when the link broke comes again.
    seen.repeated += 1;
    return false;
  }
  if (last !== undefined) seen.missing += sequence - last - 1;
  seen.positions += 1;
  seen.topSpeedKmh = Math.max(seen.topSpeedKmh, speedKmh);
  last = sequence;
  return true;
}

function summary(): string {
  const { positions, missing, repeated, outages, topSpeedKmh } = seen;
  const counts = `${positions} positions, ${missing} missing, ${repeated} repeated, ${outages} outages`;
  return `${counts}, top speed ${topSpeedKmh} km/h`;
}

client.on("message", (_topic, payload) => {
  const isNew = follow(JSON.parse(payload.toString()));
  if (last === Number(COUNT)) {
    console.log(summary());
    client.end();
  } else if (isNew && seen.positions % outageEvery === 0) {
    seen.outages += 1;
    console.log(summary());
    client.stream.destroy();
  }
});

await client.subscribeAsync("vehicles/7/position", { qos: 1 });
console.log("following vehicle 7");
