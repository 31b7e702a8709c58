import { type Distribution, distributionOf } from "./latency-histogram.ts";
import type { Totals } from "./load-memory.ts";
import { deliveriesPerMessage, type LoadPlan } from "./load-plan.ts";
import type { ProcessUsage } from "./process-usage.ts";

/** All that is counted, at one moment. */
export interface Snapshot {
  /** Of the shared clock, in microseconds. */
  readonly at: number;
  readonly totals: Totals;
  readonly histogram: Uint32Array;
  readonly generatorCpuSeconds: number;
  readonly broker: ProcessUsage | undefined;
  readonly machineBusySeconds: number | undefined;
}

/** One interval of a run. */
export interface TimelinePoint {
  /** End of the interval, in seconds since publishing (connecting, with mode connect) began. */
  readonly atSeconds: number;
  readonly sentPerSecond: number;
  readonly deliveredPerSecond: number;
  readonly readyConnections: number;
  readonly p50Microseconds: number;
  readonly p99Microseconds: number;
}

export interface BrokerUse {
  readonly cpuFraction: number;
  readonly systemFraction: number;
  /** By delivered messages or, where none are, by those that were sent; by connections with mode connect. */
  readonly cpuMicrosecondsPerMessage: number;
  readonly residentBytesBefore: number;
  readonly residentBytes: number;
  readonly peakResidentBytes: number;
}

export interface LoadResult {
  readonly mode: LoadPlan["mode"];
  readonly url: string;
  readonly protocolVersion: number;
  readonly qos: number;
  readonly publishers: number;
  readonly subscribers: number;
  readonly connections: number;
  readonly payloadBytes: number;
  readonly window: number;
  readonly inFlight: number;
  readonly batch: number;
  readonly targetRatePerSecond: number;
  readonly sessions: LoadPlan["sessions"];
  readonly workers: number;
  readonly startedAt: string;
  /** Seconds that the rates are taken over. */
  readonly measuredSeconds: number;
  readonly setUpSeconds: number;
  readonly sentPerSecond: number;
  readonly acknowledgedPerSecond: number;
  readonly deliveredPerSecond: number;
  readonly connectsPerSecond: number;
  /** Of messages; with mode connect of connects. */
  readonly latencyMicroseconds: Distribution;
  readonly counts: Totals & { readonly expected: number; readonly lost: number };
  /** With sessions offline: seconds until the subscribers had everything after they came back. */
  readonly collectSeconds: number | undefined;
  readonly generator: {
    readonly cpuFraction: number;
    /** By messages that went through it, in and out. */
    readonly cpuMicrosecondsPerMessage: number;
    /** Mode latency watches the clock: its processor time says nothing. */
    readonly watchesClock: boolean;
  };
  readonly broker: BrokerUse | undefined;
  /** Processors that were busy with neither broker nor generator; undefined where it is not known. */
  readonly otherLoad: number | undefined;
  /** Broken promises of MQTT, in words; empty where all were kept. */
  readonly violations: readonly string[];
  readonly timeline: readonly TimelinePoint[];
}

export interface Measurements {
  readonly startedAt: Date;
  readonly beforeConnect: Snapshot;
  readonly afterConnect: Snapshot;
  readonly begin: Snapshot;
  readonly end: Snapshot;
  readonly drained: Snapshot;
  readonly collectSeconds: number | undefined;
  readonly timeline: readonly TimelinePoint[];
}

const MICROSECONDS = 1_000_000;

export function loadResult(plan: LoadPlan, measured: Measurements): LoadResult {
  const isConnect = plan.mode === "connect";
  const { beforeConnect, afterConnect } = measured;
  const begin = isConnect ? beforeConnect : measured.begin;
  const end = isConnect ? afterConnect : measured.end;
  const seconds = (end.at - begin.at) / MICROSECONDS;
  const setUpSeconds = (afterConnect.at - beforeConnect.at) / MICROSECONDS;
  const perSecond = (name: keyof Totals): number => (end.totals[name] - begin.totals[name]) / seconds;
  const histogram = measured.drained.histogram.map((count, bucket) => count - begin.histogram[bucket]!);
  const counts = countsOf(plan, measured.drained.totals);
  const cpu = end.generatorCpuSeconds - begin.generatorCpuSeconds;
  const delivered = end.totals.delivered - begin.totals.delivered;
  const sent = end.totals.sent - begin.totals.sent;
  const connected = end.totals.ready - begin.totals.ready;
  const messages = isConnect ? connected : delivered + sent;
  return {
    mode: plan.mode,
    url: plan.target.url,
    protocolVersion: plan.connect.protocolVersion,
    qos: plan.publishQoS,
    publishers: plan.publishers,
    subscribers: plan.subscribers,
    connections: plan.publishers + plan.subscribers + plan.idlers,
    payloadBytes: plan.payloadBytes,
    window: plan.window,
    inFlight: plan.inFlight,
    batch: plan.batch,
    targetRatePerSecond: plan.ratePerSecond,
    sessions: plan.sessions,
    workers: plan.workers,
    startedAt: measured.startedAt.toISOString(),
    measuredSeconds: seconds,
    setUpSeconds,
    sentPerSecond: perSecond("sent"),
    acknowledgedPerSecond: perSecond("acknowledged"),
    deliveredPerSecond: perSecond("delivered"),
    connectsPerSecond: (afterConnect.totals.ready - beforeConnect.totals.ready) / setUpSeconds,
    latencyMicroseconds: distributionOf(histogram),
    counts,
    collectSeconds: measured.collectSeconds,
    generator: {
      cpuFraction: cpu / seconds,
      cpuMicrosecondsPerMessage: perUnit(cpu * MICROSECONDS, messages),
      watchesClock: plan.mode === "latency",
    },
    broker: brokerUse(begin, end, measured, isConnect ? connected : delivered || sent),
    otherLoad: otherLoad(begin, end),
    violations: violationsOf(plan, counts),
    timeline: measured.timeline,
  };
}

function countsOf(plan: LoadPlan, totals: Totals): LoadResult["counts"] {
  const expected = totals.sent * deliveriesPerMessage(plan);
  // Where others publish, only the gaps can be seen.
  const lost = plan.publishers === 0 ? totals.missing : Math.max(0, expected - totals.delivered);
  return { ...totals, expected, lost };
}

function brokerUse(
  begin: Snapshot,
  end: Snapshot,
  measured: Measurements,
  messages: number,
): BrokerUse | undefined {
  const { broker: before } = begin;
  const { broker: after } = end;
  const { broker: start } = measured.beforeConnect;
  const { broker: last } = measured.drained;
  if (before === undefined || after === undefined || start === undefined || last === undefined)
    return undefined;
  const system = after.systemSeconds - before.systemSeconds;
  const cpu = after.userSeconds - before.userSeconds + system;
  return {
    cpuFraction: cpu / ((end.at - begin.at) / MICROSECONDS),
    systemFraction: perUnit(system, cpu),
    cpuMicrosecondsPerMessage: perUnit(cpu * MICROSECONDS, messages),
    residentBytesBefore: start.residentBytes,
    residentBytes: last.residentBytes,
    peakResidentBytes: last.peakResidentBytes,
  };
}

function otherLoad(begin: Snapshot, end: Snapshot): number | undefined {
  if (begin.machineBusySeconds === undefined || end.machineBusySeconds === undefined) return undefined;
  if (begin.broker === undefined || end.broker === undefined) return undefined;
  const broker =
    end.broker.userSeconds + end.broker.systemSeconds - begin.broker.userSeconds - begin.broker.systemSeconds;
  const own = end.generatorCpuSeconds - begin.generatorCpuSeconds;
  const busy = end.machineBusySeconds - begin.machineBusySeconds;
  return Math.max(0, (busy - broker - own) / ((end.at - begin.at) / MICROSECONDS));
}

function violationsOf(plan: LoadPlan, counts: LoadResult["counts"]): readonly string[] {
  // A message is delivered with the lower of the two, and so is its promise [MQTT-3.8.4-8].
  const qos = Math.min(plan.publishQoS, plan.subscribeQoS);
  const violations: string[] = [];
  const add = (isBroken: boolean, text: string): void => void (isBroken && violations.push(text));
  const isChecked = plan.publishers > 0 && plan.subscribers > 0;
  add(isChecked && qos > 0 && counts.lost > 0, `${counts.lost} messages of QoS ${qos} were lost`);
  add(isChecked && qos === 2 && counts.duplicated > 0, `${counts.duplicated} messages of QoS 2 came twice`);
  add(isChecked && counts.reordered > 0, `${counts.reordered} messages came out of order`);
  const unacknowledged = plan.publishQoS > 0 ? counts.sent - counts.acknowledged : 0;
  add(unacknowledged > 0, `${unacknowledged} messages were not acknowledged`);
  add(counts.refused > 0, `${counts.refused} messages were refused`);
  add(counts.protocolErrors > 0, `${counts.protocolErrors} packets were not what MQTT allows`);
  add(counts.closedConnections > 0, `${counts.closedConnections} connections were closed by the broker`);
  return violations;
}

function perUnit(total: number, units: number): number {
  return units === 0 ? 0 : total / units;
}
