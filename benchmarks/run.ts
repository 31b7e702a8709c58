/**
 * Compares Dunlin with mosquitto and aedes and writes docs/performance.md. Run: npm run bench -- [options] [NAME=COMMAND]
 *
 * --quick            fewer scenarios and shorter runs, under three minutes
 * --scenarios LIST   names or beginnings of names, with commas between
 * --repeat N         runs per broker and scenario (3; quick 1)
 * --seconds S        measured seconds of a run (2; quick 0.8)
 * --warmup S         seconds before (1.5; quick 0.5)
 * --no-pin           let broker and generator run on any core
 * --out FILE         the document (docs/performance.md)
 * --json FILE        every result as it came, one a line
 * NAME=COMMAND       another broker; {port} stands for its port on 127.0.0.1
 */
import { spawn, spawnSync } from "node:child_process";
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import type { LoadResult } from "../packages/dunlin/src/bench/load-result.ts";
import { createTestAuthority, missingOpenssl } from "../packages/test-kit/src/test-pki.ts";
import { BrokerProcess, freePort } from "./broker-process.ts";
import { aedes, type Broker, dunlin, dunlinProgram, foreignBroker, mosquitto } from "./brokers.ts";
import { measureMemory } from "./guard/measure-memory.ts";
import { performanceDocument } from "./performance-document.ts";
import { type Results, resultsKey } from "./results.ts";
import { type Scenario, scenarios } from "./scenarios.ts";

const BROKER_CPU = 0;
const GENERATOR_CPU = 1;
const RUN_TIMEOUT_MS = 90_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: "boolean", default: false },
    scenarios: { type: "string", default: "" },
    repeat: { type: "string" },
    seconds: { type: "string" },
    warmup: { type: "string" },
    "no-pin": { type: "boolean", default: false },
    out: { type: "string", default: "docs/performance.md" },
    json: { type: "string" },
  },
});

const repeat = Number(values.repeat ?? (values.quick ? 1 : 3));
const seconds = Number(values.seconds ?? (values.quick ? 0.8 : 2));
const warmup = Number(values.warmup ?? (values.quick ? 0.5 : 1.5));
const isPinned =
  !values["no-pin"] && availableParallelism() > 1 && spawnSync("taskset", ["-V"]).error === undefined;

/** Where the results go does not change them, and is nobody else's concern. */
function argumentsThatCount(given: readonly string[]): readonly string[] {
  const aside = (argument: string | undefined): boolean => argument === "--json" || argument === "--out";
  return given.filter((each, index) => !aside(each) && !aside(given[index - 1]));
}

function pinned(cpu: number, command: readonly string[]): readonly string[] {
  return isPinned ? ["taskset", "-c", String(cpu), ...command] : command;
}

function wantedScenarios(): readonly Scenario[] {
  const wanted = values.scenarios.split(",").filter((name) => name !== "");
  if (wanted.length === 0) return scenarios.filter(({ quick }) => quick || !values.quick);
  return scenarios.filter(({ name }) =>
    wanted.some(
      (each) => name === each || (name.startsWith(each) && !scenarios.some((other) => other.name === each)),
    ),
  );
}

function isMqtt5({ load }: Scenario): boolean {
  return load.includes("-V 5");
}

function loadCommand(scenario: Scenario, broker: BrokerProcess, caFile: string): readonly string[] {
  const url = `${scenario.setup === "tls" ? "mqtts" : "mqtt"}://127.0.0.1:${broker.port}`;
  const where = ["--url", url, ...(scenario.setup === "tls" ? ["--cafile", caFile] : [])];
  // The latency of a few messages is more scattered than a rate.
  const factor = scenario.measure === "latency" ? 2 : 1;
  const length =
    scenario.measure === "connect"
      ? ["-d", "2"]
      : ["-d", String(seconds * factor), "--warmup", String(warmup)];
  const output = ["--json", "-", "--pid", String(broker.pid)];
  return [
    process.execPath,
    dunlinProgram,
    "bench",
    ...scenario.load.split(" "),
    ...where,
    ...length,
    ...output,
  ];
}

async function runOnce(scenario: Scenario, broker: Broker, caFile: string): Promise<LoadResult | undefined> {
  const folder = mkdtempSync(join(tmpdir(), "dunlin-bench-"));
  const port = await freePort();
  const command = broker.command(scenario.setup, port, folder);
  try {
    if (command === undefined) return undefined;
    await using running = await BrokerProcess.start(pinned(BROKER_CPU, command), port);
    return await runLoad(pinned(GENERATOR_CPU, loadCommand(scenario, running, caFile)));
  } catch (error) {
    process.stderr.write(`  ${scenario.name} ${broker.name}: ${(error as Error).message.trim()}\n`);
    return undefined;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function runLoad(command: readonly string[]): Promise<LoadResult> {
  const [file, ...args] = command;
  const child = spawn(file!, args, { stdio: ["ignore", "pipe", "pipe"], timeout: RUN_TIMEOUT_MS });
  let output = "";
  let errors = "";
  child.stdout.on("data", (chunk) => {
    output += chunk;
  });
  child.stderr.on("data", (chunk) => {
    errors += chunk;
  });
  await new Promise((resolve) => child.on("close", resolve));
  // Above the last line there is what it told of its progress.
  if (output === "")
    throw new Error(errors.trim().split("\n").at(-1) || "the generator did not come to an end");
  return JSON.parse(output);
}

function record(results: Results, scenario: Scenario, broker: Broker, result: LoadResult): void {
  const key = resultsKey(scenario.name, broker.name);
  results.set(key, [...(results.get(key) ?? []), result]);
  if (values.json !== undefined) {
    const line = { scenario: scenario.name, brokerName: broker.name, ...result, timeline: undefined };
    appendFileSync(values.json, `${JSON.stringify(line)}\n`);
  }
  const cost = result.broker?.cpuMicrosecondsPerMessage.toFixed(2) ?? "?";
  const rate = Math.round(
    scenario.measure === "acknowledged"
      ? result.acknowledgedPerSecond
      : scenario.measure === "connect"
        ? result.connectsPerSecond
        : result.deliveredPerSecond,
  );
  const bad = result.violations.length === 0 ? "" : `  BROKEN: ${result.violations.join("; ")}`;
  process.stderr.write(
    `  ${scenario.name.padEnd(24)}${broker.name.padEnd(12)}${String(rate).padStart(9)}/s  ${cost.padStart(7)} us${bad}\n`,
  );
}

async function main(): Promise<void> {
  const missing = missingOpenssl();
  if (missing !== undefined) throw new Error(`no certificates for the TLS runs: ${missing}`);
  const startedAt = new Date();
  const folder = mkdtempSync(join(tmpdir(), "dunlin-bench-"));
  const authority = createTestAuthority();
  try {
    const { cert, key } = authority.issue({ commonName: "localhost" });
    const certificate = { certFile: join(folder, "server.pem"), keyFile: join(folder, "server-key.pem") };
    writeFileSync(certificate.certFile, `${cert}${authority.cert}`);
    writeFileSync(certificate.keyFile, key);
    const caFile = join(folder, "ca.pem");
    writeFileSync(caFile, authority.cert);
    const brokers = [
      dunlin(certificate),
      mosquitto(certificate),
      aedes(certificate),
      ...positionals.map(foreignBroker),
    ].filter((broker) => broker !== undefined);
    const wanted = wantedScenarios();
    const results: Results = new Map();
    for (const scenario of wanted) {
      for (let round = 0; round < repeat; round++) {
        for (const broker of brokers) {
          if (isMqtt5(scenario) && !broker.speaksMqtt5) continue;
          const result = await runOnce(scenario, broker, caFile);
          if (result !== undefined) record(results, scenario, broker, result);
        }
      }
    }
    const memory = await measureMemory();
    const run = {
      startedAt,
      seconds,
      warmup,
      repeat,
      isPinned,
      isQuick: values.quick,
      arguments: argumentsThatCount(process.argv.slice(2)),
    };
    mkdirSync(dirname(values.out), { recursive: true });
    writeFileSync(values.out, performanceDocument({ run, brokers, scenarios: wanted, results, memory }));
    process.stderr.write(
      `${values.out} written, ${Math.round((Date.now() - startedAt.getTime()) / 1000)} s\n`,
    );
  } finally {
    authority.remove();
    rmSync(folder, { recursive: true, force: true });
  }
}

await main();
