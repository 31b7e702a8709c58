import { expect, test } from "vitest";
import { connectMqttJs } from "../interoperability/mqttjs-client.ts";
import { useBroker } from "../interoperability/use-broker.ts";
import { ExampleProgram } from "./example-program.ts";

const broker = useBroker();

function run(
  program: string,
  environment: Readonly<Record<string, string>>,
  ...args: string[]
): ExampleProgram {
  return new ExampleProgram(program, args, { BROKER_URL: broker.url("tcp"), ...environment });
}

test("examples/embedded: the program hears, answers, and decides who may publish what", async () => {
  const program = run("embedded/broker.ts", { PORT: "0", COUNT: "2" });
  const url = (await program.prints("listening on")).replace("listening on ", "");
  const { client, inbox } = await connectMqttJs(url, "5.0", { clientId: "greenhouse" });
  await program.prints("greenhouse is here");
  await client.publishAsync("devices/greenhouse/temperature", "31.5");
  await program.prints("greenhouse measures 31.5 °C");
  await client.subscribeAsync("alarms/#", { qos: 1 });
  expect(await inbox.next()).toMatchObject({ topic: "alarms/greenhouse", payload: "31.5 °C" });
  await expect(client.publishAsync("devices/cellar/temperature", "99", { qos: 1 })).rejects.toThrow();
  await client.publishAsync("devices/greenhouse/temperature", "20");
  await program.prints("greenhouse measures 20 °C");
  await program.prints("greenhouse is gone");
  expect(await program.ends()).toBe("");
  await client.endAsync(true);
});

test("examples/factory: the monitor raises and clears alarms", async () => {
  const monitor = run("factory/monitor.ts", { COUNT: "60" });
  await monitor.prints("monitoring");
  const machines = run("factory/machines.ts", { COUNT: "20", INTERVAL_MS: "20" });
  await monitor.prints("ALARM line-2/oven: temperature is 8");
  await monitor.prints("ALARM line-1/press: vibration is 8.2 mm/s");
  await monitor.prints("clear line-1/press: vibration is 3.1 mm/s");
  await monitor.prints("60 readings, 1 alarms still raised");
  await machines.prints("20 readings, all acknowledged");
  expect(await Promise.all([monitor.ends(), machines.ends()])).toEqual(["", ""]);
});

test("examples/home: the coordinator knows the lights, however they leave", async () => {
  const kitchen = run("home/light.ts", {}, "kitchen");
  const hall = run("home/light.ts", { COUNT: "3" }, "hall");
  await Promise.all([kitchen.prints("ready"), hall.prints("ready")]);
  const coordinator = run("home/coordinator.ts", { COUNT: "3", INTERVAL_MS: "300" });
  await coordinator.prints("scene: evening");
  await Promise.all([kitchen.prints("on, 60 %"), hall.prints("on, 60 %")]);
  await coordinator.prints("on, 60 %");
  kitchen.crash();
  await coordinator.prints("kitchen: offline");
  await coordinator.prints("scene: night");
  await coordinator.prints("hall: off");
  await coordinator.prints("scene: evening");
  await coordinator.prints("hall: offline");
  expect(await Promise.all([hall.ends(), coordinator.ends()])).toEqual(["", ""]);
});

test("examples/vehicle: nothing is lost, and the order is kept, though both links drop", async () => {
  const tracker = run("vehicle/tracker.ts", { COUNT: "120" });
  await tracker.prints("following");
  const vehicle = run("vehicle/vehicle.ts", { COUNT: "120", INTERVAL_MS: "10" });
  await vehicle.prints("in a tunnel");
  await tracker.prints("1 outages");
  await tracker.prints("2 outages");
  expect(await tracker.prints("120 positions")).toMatch(/^120 positions, 0 missing, \d+ repeated, 2 outages/);
  await vehicle.prints("120 positions reported, all acknowledged");
  expect(await Promise.all([tracker.ends(), vehicle.ends()])).toEqual(["", ""]);
});
