// A broker inside a program: devices connect to it, and the program itself takes part.
import { type Authorizer, createBroker, tcpListener } from "@dunlin/broker";

const { PORT = "1883", COUNT = "Infinity" } = process.env;
const tooHotCelsius = 30;

// Everyone may listen; a device speaks only below its own name.
const authorizer: Authorizer = {
  authorize: ({ action, topic, client }) =>
    action === "subscribe" || topic.startsWith(`devices/${client.clientId}/`),
};

const listener = tcpListener({ port: Number(PORT) });
const broker = createBroker({ listeners: [listener], authorizer });

broker.on("clientConnected", ({ client }) => console.log(`${client.clientId} is here`));
broker.on("clientDisconnected", ({ client, reason }) => console.log(`${client.clientId} is gone: ${reason}`));

await broker.start();
console.log(`listening on ${listener.url}`);

let readings = 0;
broker.subscribe("devices/+/temperature", async ({ topicName, payload }) => {
  const [, device] = topicName.split("/");
  const celsius = Number(Buffer.from(payload).toString());
  console.log(`${device} measures ${celsius} °C`);
  if (celsius > tooHotCelsius) {
    // Retained: whoever subscribes later learns of it, too.
    const alarm = { topicName: `alarms/${device}`, payload: `${celsius} °C`, qos: 1, retain: true } as const;
    await broker.publish(alarm);
  }
  readings += 1;
  if (readings === Number(COUNT)) await broker.stop();
});

process.once("SIGINT", () => broker.stop());
