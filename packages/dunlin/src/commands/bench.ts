import { writeFile } from "node:fs/promises";
import { benchOptions, benchSpec } from "../bench/bench-options.ts";
import { benchPlan } from "../bench/bench-plan.ts";
import { type LoadMode, loadModes } from "../bench/load-plan.ts";
import type { LoadResult } from "../bench/load-result.ts";
import { plot } from "../bench/plot.ts";
import { ProgressLine } from "../bench/progress-line.ts";
import { resultText } from "../bench/result-text.ts";
import { runLoad } from "../bench/run-load.ts";
import { CommandError, usageError } from "../command-line/command-error.ts";
import { ExitCode } from "../command-line/exit-code.ts";
import { parseOptions } from "../command-line/parse-options.ts";
import { extractProperties } from "../command-line/property-arguments.ts";
import { suggestion } from "../nearest.ts";

export const spec = benchSpec;

export async function run(args: readonly string[]): Promise<ExitCode> {
  const [mode, ...optionArgs] = args;
  if (mode === undefined || !isMode(mode)) {
    const hint = suggestion(mode ?? "", loadModes) || `: one of ${loadModes.join(", ")}`;
    throw usageError(mode === undefined ? `what load?${hint.slice(1)}` : `unknown load "${mode}"${hint}`);
  }
  const { rest, properties } = extractProperties(optionArgs, benchOptions);
  const values = parseOptions(spec, rest);
  const plan = await benchPlan(mode, values, properties);
  const progress = new ProgressLine(plan, process.stderr);
  const stop = new AbortController();
  process.once("SIGINT", () => stop.abort());
  const result = await runLoad(plan, {
    brokerPids: values.pid,
    onSample: values.quiet ? () => undefined : progress.onSample,
    signal: stop.signal,
  });
  progress.end();
  await report(result, values);
  return result.violations.length === 0 ? ExitCode.Success : ExitCode.Failure;
}

function isMode(text: string): text is LoadMode {
  return (loadModes as readonly string[]).includes(text);
}

interface Outputs {
  readonly json: string | undefined;
  readonly plot: string | undefined;
  readonly quiet: boolean;
}

async function report(result: LoadResult, { json, plot: plotFile, quiet }: Outputs): Promise<void> {
  if (json === "-") process.stdout.write(`${JSON.stringify(result)}\n`);
  else if (!quiet) process.stdout.write(resultText(result));
  if (json !== undefined && json !== "-") await write("--json", json, `${JSON.stringify(result, null, 2)}\n`);
  if (plotFile !== undefined)
    await write("--plot", plotFile, plot(result, plotFile.endsWith(".svg") ? "svg" : "html"));
}

async function write(option: string, file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text);
  } catch (error) {
    throw new CommandError(ExitCode.Failure, `${option}: cannot write ${file}: ${(error as Error).message}`);
  }
}
