import { setFlagsFromString } from "node:v8";
import { CommandError } from "../command-line/command-error.ts";
import { ExitCode } from "../command-line/exit-code.ts";
import { invocation } from "../command-line/invocation.ts";
import type { CommandSpec, OptionSpecs, OptionValues } from "../command-line/option-spec.ts";
import { parseOptions } from "../command-line/parse-options.ts";
import type { ConfigPath } from "../config/config-path.ts";
import type { Overlay } from "../config/overlay.ts";
import type { Config } from "../config/schema.ts";
import type { StartTextInput } from "../server/start-text.ts";

const CONFIGURATION = "Configuration";

const options = {
  config: {
    type: "text",
    short: "c",
    value: "FILE",
    group: CONFIGURATION,
    help: "YAML file with the configuration (or DUNLIN_CONFIG); docs/configuration.md lists its keys.",
  },
  port: {
    type: "number",
    short: "p",
    value: "PORT",
    minimum: 0,
    maximum: 65_535,
    group: CONFIGURATION,
    help: "Port of the first listener; 0: any free one. Default: 1883.",
  },
  host: {
    type: "text",
    value: "ADDRESS",
    group: CONFIGURATION,
    help: "Address of the first listener. Default: 127.0.0.1, which only this machine reaches.",
  },
  data: {
    type: "text",
    short: "d",
    value: "FOLDER",
    group: CONFIGURATION,
    help: "Folder of the store. Default: ./data.",
  },
  durability: {
    type: "text",
    value: "LEVEL",
    choices: ["disk", "os", "memory"],
    group: CONFIGURATION,
    help: "What an acknowledgement survives: disk (power failure), os (crash of the broker) or memory (nothing). Default: disk.",
  },
  "allow-anonymous": {
    type: "flag",
    group: CONFIGURATION,
    help: "Let clients from other machines connect without credentials.",
  },
  "log-level": {
    type: "text",
    value: "LEVEL",
    choices: ["debug", "info", "warn", "error", "silent"],
    group: CONFIGURATION,
    help: "The least important log lines that are written to stderr. Default: info.",
  },
  "check-config": { type: "flag", group: "Other", help: "Check the configuration, with its files, and end." },
  quiet: { type: "flag", group: "Other", help: "Print no instructions at the start, only log lines." },
  help: { type: "flag", short: "h", group: "Other", help: "This text." },
} as const satisfies OptionSpecs;

export const spec = {
  name: "start",
  summary: "Runs the MQTT broker until it is told to stop.",
  usage: ["[start] [options]"],
  options,
  examples: [
    { command: "dunlin", effect: "listens on 127.0.0.1:1883, stores in ./data" },
    {
      command: "dunlin start --port 0 --durability memory",
      effect: "for tests: any free port, nothing stored",
    },
    { command: "dunlin start --config dunlin.yaml", effect: "as the file says" },
    {
      command: "dunlin start --config dunlin.yaml --check-config",
      effect: "tells what is wrong with the file",
    },
  ],
  notes: [
    "Options go over environment variables (DUNLIN_PORT, DUNLIN_DATA, DUNLIN_LIMITS_MAXIMUM_PACKET_SIZE ...), these over the file, and the file over the defaults.",
    "SIGTERM and SIGINT (Ctrl-C) drain: clients are told, everything is stored, and the process ends within 10 s; a second signal ends it at once. SIGHUP reads the certificates again.",
  ],
  exitCodes: ["Success", "Failure", "Usage", "Internal"],
} as const satisfies CommandSpec;

type StartValues = OptionValues<typeof options>;

export async function run(args: readonly string[]): Promise<ExitCode> {
  const values = parseOptions(spec, args);
  const file = values.config ?? process.env["DUNLIN_CONFIG"];
  const { loadConfig } = await import("../config/load-config.ts");
  const config = await loadConfig({ file, environment: process.env, flags: overlays(values) });
  if (values["check-config"]) {
    process.stdout.write(`${file ?? "the configuration"} is valid\n`);
    return ExitCode.Success;
  }
  return serve(config, values.quiet);
}

function overlays(values: StartValues): readonly Overlay[] {
  const paths = {
    host: ["listeners", 0, "host"],
    port: ["listeners", 0, "port"],
    data: ["data"],
    durability: ["durability"],
    "log-level": ["logging", "level"],
    "allow-anonymous": ["allowAnonymous"],
  } as const satisfies { readonly [Name in keyof StartValues]?: ConfigPath };
  return (Object.keys(paths) as (keyof typeof paths)[])
    .filter((name) => values[name] !== undefined && values[name] !== false)
    .map((name) => ({ path: paths[name], value: values[name], source: `--${name}` }));
}

async function serve(config: Config, isQuiet: boolean): Promise<never> {
  // V8's space for young objects has grown to 4 MiB by now. Left alone, it grows up to 16 with the first thousands
  // of connections, which makes nothing faster; frozen at 1 MiB it costs stored messages 13 %.
  setFlagsFromString("--semi-space-growth-factor=1");
  const [{ BrokerError }, { createServer }, { StopSignals, runUntilStopped }, { version }] =
    await Promise.all([
      import("@dunlin/broker"),
      import("../server/create-server.ts"),
      import("../server/run-broker.ts"),
      import("../version.ts"),
    ]);
  // From here on a signal drains, even while the broker still starts.
  const signals = new StopSignals();
  let problem: string | undefined;
  try {
    const { broker, logger, flushLog } = await createServer(config);
    process.on("exit", flushLog);
    await broker.start();
    const urls = broker.listeners.map((listener) => listener.url);
    logger.info({ version: version(), listeners: urls, durability: config.durability }, "running");
    if (!isQuiet) await printStartText({ version: version(), config, urls, invocation: invocation() });
    problem = await runUntilStopped(broker, signals, logger);
  } catch (error) {
    if (error instanceof BrokerError)
      throw new CommandError(ExitCode.Failure, error.message, { cause: error });
    throw error;
  }
  if (problem !== undefined) process.stderr.write(`dunlin: ${problem}\n`);
  // At once, also where something could not be stopped.
  process.exit(problem === undefined ? ExitCode.Success : ExitCode.Failure);
}

async function printStartText(input: StartTextInput): Promise<void> {
  const { startText } = await import("../server/start-text.ts");
  // Whoever started us may not read it; the broker runs all the same.
  process.stdout.on("error", () => undefined);
  process.stdout.write(startText(input));
}
