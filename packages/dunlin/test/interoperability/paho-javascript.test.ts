import { describeCore } from "./core-suite.ts";
import { pahoJavaScriptOpener } from "./paho-javascript-client.ts";
import { useBroker } from "./use-broker.ts";

const broker = useBroker();
const open = pahoJavaScriptOpener(broker.certificates.ca);

for (const version of ["3.1", "3.1.1"] as const) {
  for (const transport of ["ws", "wss"] as const) {
    describeCore({ broker, client: "Eclipse Paho for JavaScript 1.1", version, transport, open });
  }
}
