import type { Transport } from "./broker-process.ts";
import type { MqttVersion } from "./client-under-test.ts";
import { describeCore } from "./core-suite.ts";
import { mqttJsOpener } from "./mqttjs-client.ts";
import { useBroker } from "./use-broker.ts";

const broker = useBroker();
const open = mqttJsOpener(broker.certificates.ca);

for (const version of ["3.1", "3.1.1", "5.0"] satisfies MqttVersion[]) {
  for (const transport of ["tcp", "tls", "ws", "wss"] satisfies Transport[]) {
    describeCore({ broker, client: "MQTT.js 5", version, transport, open });
  }
}
