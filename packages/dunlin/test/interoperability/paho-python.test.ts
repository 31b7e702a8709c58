import { describeCore } from "./core-suite.ts";
import { missingPahoPython, pahoPythonOpener } from "./paho-python-client.ts";
import { useBroker } from "./use-broker.ts";

const broker = useBroker();
const open = pahoPythonOpener(broker.certificates.ca);

const combinations = [
  { version: "3.1", transports: ["tcp", "ws"] },
  { version: "3.1.1", transports: ["tcp", "tls", "ws"] },
  { version: "5.0", transports: ["tcp", "tls", "ws", "wss"] },
] as const;

for (const { version, transports } of combinations) {
  for (const transport of transports) {
    const client = "Eclipse Paho for Python 1.6";
    describeCore({ broker, client, version, transport, open, missing: missingPahoPython });
  }
}
