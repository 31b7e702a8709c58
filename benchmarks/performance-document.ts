import { cpus, release, totalmem } from "node:os";
import {
  formatMicroseconds,
  formatNumber,
  formatPercent,
} from "../packages/dunlin/src/bench/format-figures.ts";
import type { LoadResult } from "../packages/dunlin/src/bench/load-result.ts";
import type { Broker } from "./brokers.ts";
import type { MemoryUse } from "./guard/measure-memory.ts";
import { median, medianOf, type Results, resultsKey } from "./results.ts";
import { type Measure, type Scenario, versionComparisons } from "./scenarios.ts";
import { bytesPerConnection, isSaturated, residentMib, TargetTable } from "./target-table.ts";

const GIB = 1024 ** 3;
const NOTES = "performance-notes.md";
/** Processors busy with something else, from which on figures are not to be relied on. */
const BUSY = 0.2;

export interface DocumentInput {
  readonly run: {
    readonly startedAt: Date;
    readonly seconds: number;
    readonly warmup: number;
    readonly repeat: number;
    readonly isPinned: boolean;
    readonly isQuick: boolean;
    readonly arguments: readonly string[];
  };
  readonly brokers: readonly Broker[];
  readonly scenarios: readonly Scenario[];
  readonly results: Results;
  readonly memory: MemoryUse;
}

type Row = readonly string[];

/** docs/performance.md: everything in it comes from the run; what there is to say about it stands in NOTES. */
export function performanceDocument(input: DocumentInput): string {
  return [
    "# Performance",
    "",
    "Written by `npm run bench`; do not edit. Every figure is from one run on one machine: run it on yours.",
    "",
    `What each trick buys, and what holds back the targets that are missed: [${NOTES}](${NOTES}).`,
    "",
    ...circumstances(input),
    "",
    ...targetsSection(input),
    ...ratesSection(input),
    ...costSection(input),
    ...latencySection(input),
    ...connectSection(input),
    ...versionSection(input),
    ...memorySection(input.memory),
    ...caveats(input),
    ...scenarioList(input),
    "",
  ].join("\n");
}

function circumstances({ run, brokers, results }: DocumentInput): string[] {
  const command = ["npm run bench", ...(run.arguments.length > 0 ? ["--", ...run.arguments] : [])].join(" ");
  const pinning = run.isPinned ? "the broker on core 0, the generator on core 1" : "nothing pinned to a core";
  const [cpu] = cpus();
  const others = [...results.values()]
    .flat()
    .map(({ otherLoad }) => otherLoad)
    .filter((load) => load !== undefined);
  const other = median(others);
  const lines = [
    "| | |",
    "|---|---|",
    `| date | ${run.startedAt.toISOString().slice(0, 10)} |`,
    `| command | \`${command}\` |`,
    `| runs | medians of ${run.repeat}, interleaved; ${run.seconds} s after ${run.warmup} s of warm-up; a fresh broker each; ${pinning} |`,
    `| machine | ${cpus().length} x ${cpu?.model.trim()}, ${formatNumber(totalmem() / GIB)} GiB, Linux ${release()}, Node ${process.version} |`,
    ...brokers.map(({ name, version, note }) => `| ${name} | ${version}; ${note} |`),
  ];
  if (other !== undefined) {
    const worst = Math.max(...others);
    lines.push(`| other work on the machine | median ${other.toFixed(2)} cores, worst ${worst.toFixed(2)} |`);
    if (other > BUSY)
      lines.push(
        "",
        "**The machine was busy with other work during this run: these figures scatter, do not quote them.**",
      );
  }
  if (run.isQuick) lines.push("", "A quick run: fewer scenarios, shorter, less repeated.");
  return lines;
}

function targetsSection({ results, scenarios }: DocumentInput): string[] {
  const { rows } = new TargetTable(results, scenarios);
  if (rows.length === 0) return [];
  const commands = new Map(scenarios.map(({ name, load }) => [`\`${name}\``, `\`dunlin bench ${load}\``]));
  return [
    "## Targets",
    "",
    "Ratios of rates; of processor time per message where the generator was at the limit of its core with either broker.",
    "",
    ...table(
      ["scenario", "target", "measured", "", "command"],
      rows.map((row) => [...row, commands.get(row[0]) ?? ""]),
      "text",
    ),
    "",
  ];
}

/** Rates of message scenarios. */
function ratesSection(input: DocumentInput): string[] {
  const rows = of(input, ["delivered", "acknowledged"]).map((scenario): Row => {
    const rate = (broker: string): number | undefined =>
      medianOf(input.results, scenario.name, broker, rateOf(scenario));
    const own = rate("dunlin");
    const cells = input.brokers.map(({ name }) => rateCell(input, scenario, name, rate(name)));
    const ratios = (["mosquitto", "aedes"] as const).map((name) => ratioCell(own, rate(name)));
    return [`\`${scenario.name}\``, ...cells, ...ratios];
  });
  if (rows.length === 0) return [];
  const heads = ["scenario", ...names(input), "against mosquitto", "against aedes"];
  return [
    "## Messages delivered per second",
    "",
    "`*`: the generator used over 93 % of its core, so the rate is a lower bound. `offline`: messages acknowledged.",
    "",
    ...table(heads, rows),
    "",
  ];
}

function rateOf({ measure }: Scenario): (result: LoadResult) => number {
  return (result) => (measure === "acknowledged" ? result.acknowledgedPerSecond : result.deliveredPerSecond);
}

function rateCell(
  input: DocumentInput,
  scenario: Scenario,
  broker: string,
  rate: number | undefined,
): string {
  if (rate === undefined) return "-";
  const runs = input.results.get(resultsKey(scenario.name, broker)) ?? [];
  const broken = runs.filter(({ violations }) => violations.length > 0).length;
  return `${formatNumber(Math.round(rate))}${isSaturated(input.results, scenario.name, broker) ? "*" : ""}${broken > 0 ? ` **${broken} broken**` : ""}`;
}

function ratioCell(own: number | undefined, other: number | undefined): string {
  if (own === undefined || other === undefined || other === 0) return "-";
  return `${(own / other).toFixed(1)}x`;
}

function costSection(input: DocumentInput): string[] {
  const rows = of(input, ["delivered", "acknowledged", "latency"]).map((scenario): Row => {
    const cost = (broker: string): number | undefined =>
      medianOf(input.results, scenario.name, broker, (result) => result.broker?.cpuMicrosecondsPerMessage);
    const own = cost("dunlin");
    const cells = input.brokers.map(({ name }) => figure(cost(name)));
    const ratios = ["mosquitto", "aedes"].map((name) => ratioCell(cost(name), own));
    const generator = medianOf(input.results, scenario.name, "dunlin", (result) =>
      result.generator.watchesClock ? undefined : result.generator.cpuMicrosecondsPerMessage,
    );
    return [`\`${scenario.name}\``, ...cells, ...ratios, figure(generator)];
  });
  if (rows.length === 0) return [];
  const heads = ["scenario", ...names(input), "mosquitto's / ours", "aedes' / ours", "the generator itself"];
  return [
    "## Processor time of the broker",
    "",
    "Microseconds per delivered message (per acknowledged one with `offline`), the whole process tree. The last column is what `dunlin bench` used per message in or out.",
    "",
    ...table(heads, rows),
    "",
  ];
}

function latencySection(input: DocumentInput): string[] {
  const quantiles = ["p50", "p99", "p999"] as const;
  const rows = of(input, ["latency"]).flatMap((scenario) =>
    quantiles.map((quantile): Row => {
      const value = (broker: string): number | undefined =>
        medianOf(input.results, scenario.name, broker, (result) => result.latencyMicroseconds[quantile]);
      const cells = input.brokers.map(({ name }) => {
        const latency = value(name);
        return latency === undefined ? "-" : formatMicroseconds(latency);
      });
      return [`\`${scenario.name}\` ${quantile}`, ...cells, ratioCell(value("dunlin"), value("mosquitto"))];
    }),
  );
  if (rows.length === 0) return [];
  return ["## Latency", "", ...table(["scenario", ...names(input), "ours / mosquitto's"], rows), ""];
}

function connectSection(input: DocumentInput): string[] {
  const figures: readonly [string, (result: LoadResult) => number | undefined][] = [
    ["connects per second", (result) => result.connectsPerSecond],
    ["broker's processor time per connect, us", (result) => result.broker?.cpuMicrosecondsPerMessage],
    ["bytes of resident memory per idle connection", bytesPerConnection],
    ["resident memory with all connected, MiB", residentMib],
  ];
  const rows = of(input, ["connect"]).flatMap((scenario) =>
    figures.map(([title, value]): Row => {
      const cells = input.brokers.map(({ name }) =>
        figure(medianOf(input.results, scenario.name, name, value)),
      );
      return [title, ...cells];
    }),
  );
  if (rows.length === 0) return [];
  return ["## 10,000 connections", "", ...table(["", ...names(input)], rows), ""];
}

function versionSection(input: DocumentInput): string[] {
  const cost = (scenario: string): number | undefined =>
    medianOf(input.results, scenario, "dunlin", (result) => result.broker?.cpuMicrosecondsPerMessage);
  const rows = versionComparisons.flatMap(({ name, base }): Row[] => {
    const before = cost(base);
    const after = cost(name);
    if (before === undefined || after === undefined) return [];
    return [
      [`\`${name}\` against \`${base}\``, figure(before), figure(after), formatPercent(after / before - 1)],
    ];
  });
  if (rows.length === 0) return [];
  const heads = ["", "MQTT 3.1.1, us", "MQTT 5.0, us", "more"];
  return [
    "## MQTT 5.0 against 3.1.1",
    "",
    "Dunlin's processor time per message.",
    "",
    ...table(heads, rows),
    "",
  ];
}

function memorySection(memory: MemoryUse): string[] {
  const rows = [
    ["idle connection (MQTT 3.1.1, clean session)", memory.connection],
    ["session of a client that is away, with one subscription", memory.session],
    ["further subscription", memory.subscription],
    ["retained message of 64 B", memory.retained],
  ] as const;
  return [
    "## Memory of Dunlin's objects",
    "",
    "Bytes of JavaScript memory (heap and buffers, after garbage collection) for one more of each; `npm test` guards them. Sockets and the kernel's memory come on top for connections.",
    "",
    ...table(
      ["", "bytes"],
      rows.map(([title, bytes]) => [title, formatNumber(Math.round(bytes))]),
    ),
    "",
  ];
}

function caveats({ run }: DocumentInput): string[] {
  return [
    "## How to read this",
    "",
    "- mosquitto and aedes write every packet with its own system call. The large ratios mean that Dunlin gathers what it sends, and hold for traffic with several packets under way. `devices`, `fan-out-one` and `latency` are what remains where nothing can be gathered.",
    "- mosquitto runs as installed, without `set_tcp_nodelay`: the kernel then puts its small packets together. With it, it delivers less: see the notes.",
    "- `latency` comes from a generator that watches the clock on its one core; its own pauses of a few milliseconds are a part of p99 and above, with every broker.",
    "- Publishers wait for deliveries (at most 20 messages under way each, 40 with QoS 1 and 2), so a rate is what a broker delivers, not what it can queue.",
    "- Every message is checked for loss, duplicates and order; runs with a broken promise are marked.",
    "- In `durable` and `offline` Dunlin acknowledges a message once it is on the disk (durability `disk`, group commit). mosquitto with persistence writes its file at intervals and does not wait.",
    `- The generator is Dunlin's own (\`dunlin bench\`)${run.isPinned ? " on a core of its own" : ""}; its cost stands beside that of the brokers.`,
    "- Differences below 1.3x are within the noise of a shared machine.",
    "",
  ];
}

function scenarioList({ scenarios }: DocumentInput): string[] {
  const rows = scenarios.map(
    ({ name, title, load }): Row => [`\`${name}\``, title, `\`dunlin bench ${load}\``],
  );
  return ["## Scenarios", "", ...table(["name", "what happens", "command"], rows, "text")];
}

function of({ scenarios }: DocumentInput, measures: readonly Measure[]): readonly Scenario[] {
  return scenarios.filter(({ measure }) => measures.includes(measure));
}

function names({ brokers }: DocumentInput): readonly string[] {
  return brokers.map(({ name }) => name);
}

function figure(value: number | undefined): string {
  return value === undefined ? "-" : formatNumber(value);
}

function table(heads: Row, rows: readonly Row[], columns: "figures" | "text" = "figures"): string[] {
  const line = (cells: Row): string => `| ${cells.join(" | ")} |`;
  const rule = (columns === "figures" ? "---:|" : "---|").repeat(heads.length - 1);
  return [line(heads), `|---|${rule}`, ...rows.map(line)];
}
