import { type Broker, createBroker, type Logger, type Store } from "@dunlin/broker";
import { ExitCode } from "../command-line/exit-code.ts";
import type { Config } from "../config/schema.ts";
import { createListeners } from "./create-listeners.ts";
import { createLogger } from "./logger.ts";
import { renewCertificatesOnHangup } from "./renew-certificates.ts";

export interface Server {
  readonly broker: Broker;
  readonly logger: Logger;
  flushLog(): void;
}

/** Wires the parts of a broker together as the configuration says. Nothing is opened yet. */
export async function createServer(config: Config): Promise<Server> {
  const { logger, flush } = createLogger(config.logging);
  reportDefects(logger, flush);
  const listeners = await createListeners(config.listeners);
  const store = await createStore(config, logger);
  const broker = createBroker({
    listeners: listeners.all,
    ...(store !== undefined && { store }),
    limits: config.limits,
    sysIntervalSeconds: config.sysIntervalSeconds,
    logger,
  });
  renewCertificatesOnHangup(listeners, logger);
  return { broker, logger, flushLog: flush };
}

/** None for durability memory: that is what a broker does without a store. */
async function createStore({ data, durability }: Config, logger: Logger): Promise<Store | undefined> {
  if (durability === "memory") return undefined;
  const { createLmdbStore } = await import("@dunlin/storage-lmdb");
  return createLmdbStore({ path: data, durability, logger });
}

/** A defect ends the process: what it left behind in memory cannot be trusted, what is stored can. */
function reportDefects(logger: Logger, flush: () => void): void {
  process.on("uncaughtException", (error) => {
    logger.error({ err: error }, "a defect of dunlin; please report it");
    flush();
    process.exit(ExitCode.Internal);
  });
}
