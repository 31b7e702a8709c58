// A broker on every transport in a process of its own. Tells where it listens, and what it holds when asked.
import { type BrokerLimits, createBroker, type Logger, tcpListener, webSocketListener } from "@dunlin/broker";

/** What the tests are told of the process. */
export interface ChildReport {
  /** The most that it ever held. */
  readonly peakRssBytes: number;
  readonly counters: Readonly<Record<string, number>>;
  readonly limits: Readonly<Record<string, number>>;
  /** How often each line was logged. */
  readonly log: Readonly<Record<string, number>>;
}

const limits = JSON.parse(process.argv[2] ?? "{}") as Partial<BrokerLimits>;
const log: Record<string, number> = {};

function note(fields: object, message: string): void {
  const { reason, error } = fields as { reason?: string; error?: Error };
  const line = [message, reason, error?.stack].filter((part) => part !== undefined).join(": ");
  log[line] = (log[line] ?? 0) + 1;
}

const logger: Logger = { debug() {}, info: note, warn: note, error: note };
const broker = createBroker({
  listeners: [
    tcpListener({ port: 0 }),
    webSocketListener({ port: 0 }),
    tcpListener({ port: 0, proxyProtocol: true, name: "proxy" }),
  ],
  limits,
  logger,
});
await broker.start();

process.on("message", () => {
  const { limits: limitCounters, ...counters } = broker.counters;
  const report: ChildReport = {
    peakRssBytes: process.resourceUsage().maxRSS * 1024,
    counters: counters as unknown as Record<string, number>,
    limits: limitCounters,
    log,
  };
  if (process.connected) process.send?.(report);
});
process.on("disconnect", () => process.exit(0));
process.send?.(broker.listeners.map(({ url }) => url));
