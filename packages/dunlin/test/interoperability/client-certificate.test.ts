import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { missingCertificates } from "./broker-process.ts";
import { connectionArguments, missingMosquitto, runMosquitto } from "./mosquitto-client.ts";
import { connectMqttJs } from "./mqttjs-client.ts";
import { missingPahoPython, PahoPython } from "./paho-python-client.ts";
import { closing, skipWithout, uniqueName } from "./test-scope.ts";
import { useBroker } from "./use-broker.ts";

const broker = useBroker();
const { ca, clientCert, clientKey } = broker.certificates;

describe("client certificates, over TLS", () => {
  test("mosquitto_pub 2, MQTT 3.1.1: with --cert and --key it is let in, without them not", async (context) => {
    skipWithout(context, missingMosquitto ?? missingCertificates);
    const url = broker.url("tlsWithClientCertificate");
    const args = [
      ...connectionArguments(url, "3.1.1", uniqueName("client"), ca),
      "-t",
      "a",
      "-m",
      "b",
      "-q",
      "1",
    ];
    await runMosquitto("mosquitto_pub", [...args, "--cert", clientCert, "--key", clientKey]);
    await expect(runMosquitto("mosquitto_pub", args)).rejects.toThrow(/Error/);
  });

  test("MQTT.js 5, MQTT 5.0: with cert and key it is let in, without them not", async (context) => {
    skipWithout(context, missingCertificates);
    const url = broker.url("tlsWithClientCertificate");
    const trust = { ca: readFileSync(ca) };
    const own = { cert: readFileSync(clientCert), key: readFileSync(clientKey) };
    const { connack } = closing(await connectMqttJs(url, "5.0", { ...trust, ...own }));
    expect(connack.reasonCode).toBe(0);
    await expect(connectMqttJs(url, "5.0", trust)).rejects.toThrow();
  });

  test("Eclipse Paho for Python 1.6, MQTT 5.0: with certfile and keyfile it is let in", async (context) => {
    skipWithout(context, missingPahoPython ?? missingCertificates);
    const client = closing(new PahoPython());
    const connack = await client.connect({
      url: broker.url("tlsWithClientCertificate"),
      version: "5.0",
      clientId: uniqueName("client"),
      cleanStart: true,
      caFile: ca,
      certFile: clientCert,
      keyFile: clientKey,
    });
    expect(connack.reasonCode).toBe(0);
  });
});
