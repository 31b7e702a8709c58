import {
  formatMicroseconds,
  formatNumber,
  formatPercent,
} from "../packages/dunlin/src/bench/format-figures.ts";
import type { LoadResult } from "../packages/dunlin/src/bench/load-result.ts";
import { medianOf, type Results, resultsKey } from "./results.ts";
import { type Scenario, versionComparisons } from "./scenarios.ts";

const MIB = 1024 * 1024;
/** From this share of its core on, the generator may be what limits a rate. */
const SATURATED = 0.93;
const LATENCY_FACTORS = { p50: 1.2, p99: 1.5 } as const;
const CONNECT_CPU_FACTORS = { mosquitto: 2, aedes: 0.2 } as const;
const BYTES_PER_CONNECTION = 4500;
const CONNECTED_MIB = 95;
const OFFLINE_PER_SECOND = 150_000;

type Opponent = "mosquitto" | "aedes";
export type TargetRow = readonly [scenario: string, target: string, measured: string, verdict: string];
type Figure = (result: LoadResult) => number | undefined;

export function isSaturated(results: Results, scenario: string, broker: string): boolean {
  const runs = results.get(resultsKey(scenario, broker)) ?? [];
  return runs.some(({ generator }) => generator.cpuFraction > SATURATED);
}

const cpu: Figure = ({ broker }) => broker?.cpuMicrosecondsPerMessage;

/** What is to be reached, with what was measured of it. */
export class TargetTable {
  readonly #results: Results;
  readonly #rows: TargetRow[] = [];

  constructor(results: Results, scenarios: readonly Scenario[]) {
    this.#results = results;
    for (const scenario of scenarios) {
      if (scenario.measure === "delivered") this.#addRates(scenario);
      else if (scenario.measure === "latency") this.#addLatency(scenario);
      else if (scenario.measure === "connect") this.#addConnect(scenario);
      else this.#addOffline(scenario);
    }
    this.#addVersions();
  }

  get rows(): readonly TargetRow[] {
    return this.#rows;
  }

  #median(scenario: string, broker: string, figure: Figure): number | undefined {
    return medianOf(this.#results, scenario, broker, figure);
  }

  #add(scenario: string, target: string, measured: string, isMet: boolean): void {
    this.#rows.push([`\`${scenario}\``, target, measured, isMet ? "met" : "**missed**"]);
  }

  /** Ratios of rates; where the generator was at its limit with either broker, of processor time. */
  #addRates({ name, targets }: Scenario): void {
    for (const opponent of ["mosquitto", "aedes"] as const) {
      const target = targets[opponent];
      if (target === undefined) continue;
      const byCpu = ["dunlin", opponent].some((broker) => isSaturated(this.#results, name, broker));
      const [over, under]: readonly [string, string] = byCpu ? [opponent, "dunlin"] : ["dunlin", opponent];
      const figure: Figure = byCpu ? cpu : ({ deliveredPerSecond }) => deliveredPerSecond;
      const ratio = this.#ratio(name, over, under, figure);
      if (ratio === undefined) continue;
      const measured = `${formatRatio(ratio)}${byCpu ? " by processor time" : ""}`;
      this.#add(name, `at least ${target}x ${opponent}`, measured, ratio >= target);
    }
  }

  #ratio(scenario: string, over: string, under: string, figure: Figure): number | undefined {
    const one = this.#median(scenario, over, figure);
    const other = this.#median(scenario, under, figure);
    return one === undefined || other === undefined || other === 0 ? undefined : one / other;
  }

  #addLatency({ name }: Scenario): void {
    for (const quantile of ["p50", "p99"] as const) {
      const figure: Figure = ({ latencyMicroseconds }) => latencyMicroseconds[quantile];
      const ratio = this.#ratio(name, "dunlin", "mosquitto", figure);
      if (ratio === undefined) continue;
      const own = formatMicroseconds(this.#median(name, "dunlin", figure)!);
      const target = `${quantile} at most ${LATENCY_FACTORS[quantile]}x mosquitto`;
      this.#add(name, target, `${formatRatio(ratio)} (${own})`, ratio <= LATENCY_FACTORS[quantile]);
    }
  }

  #addConnect({ name }: Scenario): void {
    for (const opponent of ["mosquitto", "aedes"] as const satisfies readonly Opponent[]) {
      const ratio = this.#ratio(name, "dunlin", opponent, cpu);
      const most = CONNECT_CPU_FACTORS[opponent];
      if (ratio === undefined) continue;
      this.#add(name, `processor time at most ${most}x ${opponent}`, formatRatio(ratio), ratio <= most);
    }
    this.#addAtMost(name, "bytes per connection", BYTES_PER_CONNECTION, bytesPerConnection);
    this.#addAtMost(name, "MiB with 10,000 connections", CONNECTED_MIB, residentMib);
  }

  #addAtMost(scenario: string, unit: string, most: number, figure: Figure): void {
    const own = this.#median(scenario, "dunlin", figure);
    if (own === undefined) return;
    this.#add(scenario, `at most ${formatNumber(most)} ${unit}`, formatNumber(Math.round(own)), own <= most);
  }

  #addOffline({ name }: Scenario): void {
    const own = this.#median(name, "dunlin", ({ acknowledgedPerSecond }) => acknowledgedPerSecond);
    if (own === undefined) return;
    const target = `at least ${formatNumber(OFFLINE_PER_SECOND)} a second, acknowledged on disk`;
    this.#add(name, target, formatNumber(Math.round(own)), own >= OFFLINE_PER_SECOND);
  }

  #addVersions(): void {
    for (const { name, base, mostMore } of versionComparisons) {
      const before = this.#median(base, "dunlin", cpu);
      const after = this.#median(name, "dunlin", cpu);
      if (before === undefined || after === undefined) continue;
      const target = `at most ${formatPercent(mostMore)} more processor time than \`${base}\``;
      this.#add(name, target, formatPercent(after / before - 1), after / before - 1 <= mostMore);
    }
  }
}

export const bytesPerConnection: Figure = ({ broker, connections }) =>
  broker && (broker.residentBytes - broker.residentBytesBefore) / connections;

export const residentMib: Figure = ({ broker }) => broker && broker.residentBytes / MIB;

function formatRatio(ratio: number): string {
  return `${ratio.toFixed(ratio < 2 ? 2 : 1)}x`;
}
