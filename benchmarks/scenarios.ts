/** What a broker must be set up with. */
export type Setup = "plain" | "tls" | "durable";

/** What a scenario is judged by. */
export type Measure = "delivered" | "acknowledged" | "latency" | "connect";

export interface Scenario {
  readonly name: string;
  /** What happens, for the reader of the table. */
  readonly title: string;
  /** Arguments of `dunlin bench`, without those that say where the broker is and how long the run takes. */
  readonly load: string;
  readonly measure: Measure;
  readonly setup: Setup;
  /** Also in a quick run. */
  readonly quick: boolean;
  /** Times the rate of the named broker that Dunlin is to reach. */
  readonly targets: { readonly mosquitto?: number; readonly aedes?: number };
}

type Extra = Partial<Pick<Scenario, "measure" | "setup" | "quick" | "targets">>;

function scenario(name: string, title: string, load: string, extra: Extra = {}): Scenario {
  return { name, title, load, measure: "delivered", setup: "plain", quick: true, targets: {}, ...extra };
}

const against = (mosquitto: number, aedes?: number): Extra => ({
  targets: aedes === undefined ? { mosquitto } : { mosquitto, aedes },
});
const slow = { quick: false } as const;
const v3 = "-V 3.1.1";
const devices = "--publishers 1000 --batch 1 --window 1";
const properties =
  "-D publish user-property unit celsius -D publish user-property site north -D publish user-property serial 4711";

export const scenarios: readonly Scenario[] = [
  scenario("fan-in-q0", "100 publishers to 1 subscriber, QoS 0", `fan-in ${v3}`, against(18, 35)),
  scenario("fan-in-q1", "same, QoS 1", `fan-in -q 1 ${v3}`, against(20, 28)),
  scenario("fan-in-q2", "same, QoS 2", `fan-in -q 2 ${v3}`, { ...slow, ...against(18, 35) }),
  scenario(
    "devices-q0",
    "1000 devices, one packet per write and in flight, QoS 0",
    `fan-in ${devices} ${v3}`,
    { ...slow, ...against(1.9, 4.5) },
  ),
  scenario("devices-q1", "same, QoS 1", `fan-in -q 1 ${devices} ${v3}`, against(1.5, 3.5)),
  scenario(
    "fan-out-q0",
    "1 publisher to 500 subscribers, QoS 0",
    `fan-out --subscribers 500 ${v3}`,
    against(10, 20),
  ),
  scenario("fan-out-q1", "1 publisher to 200 subscribers, QoS 1", `fan-out -q 1 --subscribers 200 ${v3}`, {
    ...slow,
    ...against(10, 20),
  }),
  scenario(
    "fan-out-one",
    "1 publisher to 500 subscribers, QoS 0, one message at a time",
    `fan-out --subscribers 500 --batch 1 --window 1 ${v3}`,
    against(1, 1.7),
  ),
  scenario("pairs-q0", "100 pairs, QoS 0", `pairs ${v3}`, against(12, 24)),
  scenario("pairs-q1", "same, QoS 1", `pairs -q 1 ${v3}`, against(11, 24)),
  scenario("pairs-q2", "same, QoS 2", `pairs -q 2 ${v3}`, { ...slow, ...against(12, 24) }),
  scenario("pairs-16k-q0", "100 pairs, 16 KiB, QoS 0", `pairs -s 16384 ${v3}`, against(3, 4)),
  scenario("pairs-16k-q1", "same, QoS 1", `pairs -q 1 -s 16384 ${v3}`, { ...slow, ...against(3, 4.3) }),
  scenario(
    "filters-q0",
    "10,000 Topic Filters, 30 % with wildcards, 50 publishers over 10,000 topics, QoS 0",
    `filters ${v3}`,
    against(4.5, 8),
  ),
  scenario(
    "latency-q1",
    "10,000 messages per second by schedule over 50 pairs, QoS 1",
    `latency -q 1 -r 10000 ${v3}`,
    { measure: "latency" },
  ),
  scenario("connect", "10,000 connections, 200 at once, then idle", `connect -c 10000 ${v3}`, {
    measure: "connect",
  }),
  scenario("pairs-q0-v5", "100 pairs, QoS 0, MQTT 5.0", "pairs -V 5"),
  scenario("pairs-q0-v5-properties", "same, with 3 User Properties", `pairs -V 5 ${properties}`),
  scenario("pairs-q1-v5", "100 pairs, QoS 1, MQTT 5.0", "pairs -q 1 -V 5", slow),
  scenario("pairs-q1-v5-properties", "same, with 3 User Properties", `pairs -q 1 -V 5 ${properties}`, slow),
  scenario("tls-pairs-q0", "100 pairs, QoS 0, TLS 1.3", `pairs ${v3}`, { setup: "tls", ...against(5) }),
  scenario("durable-pairs-q1", "100 pairs, QoS 1, sessions that persist", `pairs -q 1 --persistent ${v3}`, {
    setup: "durable",
    ...against(4),
  }),
  scenario(
    "offline-q1",
    "100 publishers, QoS 1, into 100 sessions that are offline; messages acknowledged",
    `pairs -q 1 --offline --window 100 ${v3}`,
    { setup: "durable", measure: "acknowledged" },
  ),
];

/** Scenarios whose processor time per message is compared with that of another one of the same broker. */
export const versionComparisons: readonly {
  readonly name: string;
  readonly base: string;
  /** The share of it that may come on top. */
  readonly mostMore: number;
}[] = [
  { name: "pairs-q0-v5", base: "pairs-q0", mostMore: 0.05 },
  { name: "pairs-q0-v5-properties", base: "pairs-q0", mostMore: 0.4 },
  { name: "pairs-q1-v5", base: "pairs-q1", mostMore: 0.05 },
  { name: "pairs-q1-v5-properties", base: "pairs-q1", mostMore: 0.4 },
];
