import { describeCore } from "./core-suite.ts";
import { missingPahoPython, pahoPythonOpener } from "./paho-python-client.ts";
import { useBroker } from "./use-broker.ts";

const broker = useBroker();
const open = pahoPythonOpener(broker.certificates.ca);

for (const version of ["3.1", "3.1.1", "5.0"] as const) {
  for (const transport of ["tcp", "tls", "ws", "wss"] as const) {
    const client = "Eclipse Paho for Python 1.6";
    describeCore({ broker, client, version, transport, open, missing: missingPahoPython });
  }
}
