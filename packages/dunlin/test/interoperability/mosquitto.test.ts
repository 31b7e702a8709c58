import { describeCore } from "./core-suite.ts";
import { missingMosquitto, mosquittoOpener } from "./mosquitto-client.ts";
import { useBroker } from "./use-broker.ts";

const broker = useBroker();
const open = mosquittoOpener(broker.certificates.ca);
const client = "mosquitto_pub and mosquitto_sub 2";

for (const version of ["3.1", "3.1.1", "5.0"] as const) {
  for (const transport of ["tcp", "tls"] as const) {
    // So does mosquitto_sub at a signal, where the protocol lets it.
    const endsWithWill = version === "5.0";
    describeCore({ broker, client, version, transport, open, missing: missingMosquitto, endsWithWill });
  }
}
