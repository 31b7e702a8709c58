import { formatMicroseconds, formatNumber, formatPercent } from "./format-figures.ts";
import type { LoadResult } from "./load-result.ts";

const MIB = 1024 * 1024;
const LABEL_WIDTH = 14;

/** What a result says, for people. */
export function resultText(result: LoadResult): string {
  const rows = result.mode === "connect" ? connectRows(result) : messageRows(result);
  const lines = [...rows, ...latencyRows(result), ...costRows(result)].map(
    ([label, value]) => `${label.padEnd(LABEL_WIDTH)}${value}`,
  );
  const verdict =
    result.violations.length === 0 ? [] : ["", ...result.violations.map((text) => `BROKEN: ${text}`)];
  return `${[...lines, ...verdict].join("\n")}\n`;
}

type Row = readonly [label: string, value: string];

function connectRows({ connections, setUpSeconds, connectsPerSecond }: LoadResult): Row[] {
  return [
    ["connected", `${formatNumber(connections)} in ${formatNumber(setUpSeconds)} s`],
    ["rate", `${formatNumber(connectsPerSecond)} connects/s`],
  ];
}

function messageRows(result: LoadResult): Row[] {
  const { counts, qos } = result;
  const rows: Row[] = [];
  if (result.publishers > 0) rows.push(["sent", rate(counts.sent, result.sentPerSecond)]);
  if (result.publishers > 0 && qos > 0)
    rows.push(["acknowledged", rate(counts.acknowledged, result.acknowledgedPerSecond)]);
  if (result.subscribers > 0) rows.push(["delivered", rate(counts.delivered, result.deliveredPerSecond)]);
  if (result.collectSeconds !== undefined)
    rows.push(["collected", `in ${formatNumber(result.collectSeconds)} s`]);
  if (result.subscribers > 0) {
    const { lost, duplicated, reordered } = counts;
    const parts = [`${formatNumber(lost)} lost`, `${formatNumber(duplicated)} twice`];
    rows.push(["checked", `${parts.join(", ")}, ${formatNumber(reordered)} out of order`]);
  }
  return rows;
}

function rate(count: number, perSecond: number): string {
  return `${formatNumber(count)}, ${formatNumber(perSecond)}/s measured`;
}

function latencyRows({ latencyMicroseconds: latency }: LoadResult): Row[] {
  if (latency.count === 0) return [];
  const quantiles = [
    ["p50", latency.p50],
    ["p90", latency.p90],
    ["p99", latency.p99],
    ["p99.9", latency.p999],
    ["max", latency.maximum],
  ] as const;
  return [["latency", quantiles.map(([name, value]) => `${name} ${formatMicroseconds(value)}`).join("  ")]];
}

function costRows({ generator, broker, mode }: LoadResult): Row[] {
  const unit = mode === "connect" ? "connect" : "message";
  const own = `${formatNumber(generator.cpuMicrosecondsPerMessage)} us of processor time per ${unit}`;
  const rows: Row[] = [
    [
      "bench",
      generator.watchesClock
        ? "watches the clock, and so uses a whole core"
        : `${formatPercent(generator.cpuFraction)} of a core, ${own}`,
    ],
  ];
  if (broker === undefined) return rows;
  const cost = `${formatNumber(broker.cpuMicrosecondsPerMessage)} us of processor time per ${unit}`;
  const memory = `${formatNumber(broker.residentBytes / MIB)} MiB`;
  rows.push(["broker", `${formatPercent(broker.cpuFraction)} of a core, ${cost}, ${memory}`]);
  return rows;
}
