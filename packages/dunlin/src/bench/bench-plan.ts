import { randomInt } from "node:crypto";
import { once } from "node:events";
import { connect, isIP } from "node:net";
import { type QoS, topicFilterProblem, topicNameProblem } from "@dunlin/protocol";
import { ConnectionError } from "../client/client-error.ts";
import { portOf } from "../client/open-stream.ts";
import { usageError } from "../command-line/command-error.ts";
import { connectRequest } from "../command-line/connection-options.ts";
import type { PropertyArguments } from "../command-line/property-arguments.ts";
import type { BenchValues } from "./bench-options.ts";
import type { LoadMode, LoadPlan, LoadTarget } from "./load-plan.ts";

/** Long enough for a bench whose publishers are stopped for a while. */
const PERSISTENT_SESSION_SECONDS = 3600;

const defaultClients = 100;
const defaultIdlers = 1000;

interface Clients {
  readonly publishers: number;
  readonly subscribers: number;
  readonly idlers: number;
}

/** The plan that the command line asks for. Throws a usage error, or a ConnectionError for an unknown host. */
export async function benchPlan(
  mode: LoadMode,
  values: BenchValues,
  properties: PropertyArguments,
): Promise<LoadPlan> {
  checkCombination(mode, values);
  const { address, packet } = connectRequest({ ...values, ...notOffered }, properties, "bench");
  const sessions = values.offline ? "offline" : values.persistent ? "persistent" : "clean";
  const isPersistent = sessions !== "clean";
  const expiry =
    isPersistent && packet.protocolVersion === 5
      ? { sessionExpiryIntervalSeconds: PERSISTENT_SESSION_SECONDS }
      : {};
  const publishQoS = (values.qos ?? 0) as QoS;
  const ratePerSecond = values.rate ?? (mode === "latency" ? 1000 : 0);
  const window = values.window ?? (ratePerSecond > 0 ? 65_535 : 20);
  const isConnect = mode === "connect";
  const count = values.count ?? 0;
  return {
    mode,
    runId: randomInt(0x1_0000_0000),
    target: await resolveTarget(address),
    connect: { ...packet, cleanStart: !isPersistent, properties: { ...expiry, ...packet.properties } },
    publishProperties: properties.of("PUBLISH"),
    retain: values.retain,
    ...clientsOf(mode, values),
    idlersSubscribe: values.subscribe,
    publishQoS,
    subscribeQoS: (values["subscribe-qos"] ?? publishQoS) as QoS,
    payloadBytes: values.size ?? 64,
    topic: topicOf(mode, values.topic),
    topicsPerPublisher: values.topics ?? 1,
    filtersPerSubscriber: values.filters ?? 100,
    window,
    inFlight: inFlightOf(values, ratePerSecond, publishQoS, window, sessions === "offline"),
    batch: values.batch ?? 64,
    ratePerSecond,
    count,
    warmupSeconds: isConnect || count > 0 ? 0 : (values.warmup ?? 1),
    durationSeconds: values.duration ?? (isConnect ? 2 : 10),
    rampPerSecond: values.ramp ?? 0,
    connectConcurrency: values.concurrency ?? 200,
    sessions,
    workers: values.workers ?? 1,
  };
}

/** Of the connection options of pub and sub, those that make no sense for many clients. */
const notOffered = {
  id: undefined,
  "disable-clean-session": false,
  "session-expiry-interval": undefined,
  "will-topic": undefined,
  "will-payload": undefined,
  "will-qos": undefined,
  "will-retain": false,
} as const;

/** Options that have a meaning in some modes only. */
const onlyIn: { readonly [Name in keyof BenchValues]?: readonly LoadMode[] } = {
  clients: ["connect", "pub", "sub"],
  subscribe: ["connect"],
  pairs: ["pairs", "latency"],
  publishers: ["fan-in", "fan-out", "filters"],
  subscribers: ["fan-in", "fan-out", "filters"],
  filters: ["filters"],
  topics: ["pairs", "latency", "fan-in"],
  offline: ["pairs", "fan-in", "fan-out"],
  rate: ["pub", "pairs", "fan-in", "fan-out", "filters", "latency"],
  count: ["pub", "pairs", "fan-in", "fan-out", "filters", "latency"],
};

function checkCombination(mode: LoadMode, values: BenchValues): void {
  for (const [name, modes] of Object.entries(onlyIn)) {
    const value = values[name as keyof BenchValues];
    if (value === undefined || value === false || modes.includes(mode)) continue;
    throw usageError(`--${name} goes with ${modes.join(", ")}, not with ${mode}`);
  }
  if (values.count !== undefined && values.duration !== undefined)
    throw usageError("give one of --count and --duration");
  if (values.offline && (values.qos ?? 0) === 0)
    throw usageError("--offline needs --qos 1 or 2: messages of QoS 0 are not kept");
  if (values.plot !== undefined && !/\.(svg|html)$/.test(values.plot))
    throw usageError(`--plot "${values.plot}" must end with .svg or .html`);
}

function clientsOf(mode: LoadMode, values: BenchValues): Clients {
  const { clients = defaultClients } = values;
  const groups = (publishers: number, subscribers: number): Clients => ({
    publishers: values.publishers ?? publishers,
    subscribers: values.subscribers ?? subscribers,
    idlers: 0,
  });
  switch (mode) {
    case "connect":
      return { publishers: 0, subscribers: 0, idlers: values.clients ?? defaultIdlers };
    case "pub":
      return { publishers: clients, subscribers: 0, idlers: 0 };
    case "sub":
      return { publishers: 0, subscribers: clients, idlers: 0 };
    case "fan-in":
      return groups(100, 1);
    case "fan-out":
      return groups(1, 100);
    case "filters":
      return groups(50, 100);
    default: {
      const pairs = values.pairs ?? (mode === "latency" ? 50 : defaultClients);
      return { publishers: pairs, subscribers: pairs, idlers: 0 };
    }
  }
}

function inFlightOf(
  values: BenchValues,
  ratePerSecond: number,
  qos: QoS,
  window: number,
  isOffline: boolean,
): number {
  // By schedule nobody waits, and for subscribers that are away nobody could.
  if (ratePerSecond > 0 || isOffline) return 0;
  return values["in-flight"] ?? (qos === 0 ? window : 2 * window);
}

function topicOf(mode: LoadMode, given: string | undefined): string {
  const topic = given ?? (mode === "pub" ? "bench/%i" : mode === "sub" ? "bench/#" : "bench");
  const problem = mode === "sub" ? topicFilterProblem(topic) : topicNameProblem(topic);
  if (problem !== undefined) throw usageError(`--topic "${topic}" ${problem}`);
  return topic;
}

async function resolveTarget({
  url,
  tls,
}: ReturnType<typeof connectRequest>["address"]): Promise<LoadTarget> {
  const target = { url: url.href, port: portOf(url), tls };
  if (url.protocol === "unix:") return { ...target, address: decodeURIComponent(url.pathname) };
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (isIP(host) !== 0) return { ...target, address: host };
  // A name can have several addresses, of which the broker listens on one: the clients need not find it out again.
  const socket = connect({ host, port: target.port });
  try {
    await once(socket, "connect");
    return { ...target, address: socket.remoteAddress! };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reason =
      code === "ECONNREFUSED" ? "nothing listens there; is the broker running?" : message || code;
    throw new ConnectionError(`cannot connect to ${host}:${target.port}: ${reason}`);
  } finally {
    socket.destroy();
  }
}
