import type { Logger } from "@dunlin/broker";
import { readTlsSettings, type ServerListeners } from "./create-listeners.ts";

/** On SIGHUP: new connections get the certificates that the files hold now; those in use stay if these are bad. */
export function renewCertificatesOnHangup({ secure }: ServerListeners, logger: Logger): void {
  process.on("SIGHUP", async () => {
    for (const { listener, tls } of secure) {
      try {
        listener.replaceTls(await readTlsSettings(tls));
        logger.info({ listener: listener.name, certFile: tls.certFile }, "certificates read again");
      } catch (error) {
        logger.error(
          { listener: listener.name, reason: (error as Error).message },
          "certificates kept as they were",
        );
      }
    }
  });
}
