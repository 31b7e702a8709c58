import { CommandError, usageError } from "./command-line/command-error.ts";
import { ExitCode } from "./command-line/exit-code.ts";
import { type Command, commands } from "./command-table.ts";
import { suggestion } from "./nearest.ts";

/** What --quiet keeps back: how the other side answered. */
const TOLD_BY_EXIT_CODE: ReadonlySet<ExitCode> = new Set<ExitCode>([ExitCode.Refused, ExitCode.Connection]);

/** Runs the command line and sets the exit code of the process. `args` are those behind the program's name. */
export async function main(args: readonly string[]): Promise<void> {
  try {
    process.exitCode = await dispatch(args);
  } catch (error) {
    const failure = asCommandError(error);
    if (!args.includes("--quiet") || !TOLD_BY_EXIT_CODE.has(failure.exitCode)) {
      process.stderr.write(failure.lines.map((line) => `dunlin: ${line}\n`).join(""));
    }
    process.exitCode = failure.exitCode;
  }
}

async function dispatch(args: readonly string[]): Promise<ExitCode> {
  const [first, ...rest] = args;
  if (first === "--version") return print(`dunlin ${(await import("./version.ts")).version()}\n`);
  if (first === "--help" || first === "-h" || first === "help") return help(rest[0]);
  // Without a command, the broker starts.
  const isCommand = first !== undefined && !first.startsWith("-");
  const command = await load(isCommand ? first : "start");
  const commandArgs = isCommand ? rest : args;
  const { short } = command.spec.options["help"]!;
  if (commandArgs.some((word) => word === "--help" || (short !== undefined && word === `-${short}`)))
    return help(command.spec.name);
  return command.run(commandArgs);
}

async function load(name: string): Promise<Command> {
  if (!Object.hasOwn(commands, name)) {
    const hint = suggestion(name, Object.keys(commands)) || "; see dunlin --help";
    throw usageError(`unknown command "${name}"${hint}`);
  }
  return commands[name]!();
}

async function help(name: string | undefined): Promise<ExitCode> {
  const { helpText, overviewText } = await import("./command-line/help-text.ts");
  if (name !== undefined) return print(helpText((await load(name)).spec));
  const specs = await Promise.all(Object.keys(commands).map(async (command) => (await load(command)).spec));
  return print(overviewText(specs));
}

function print(text: string): ExitCode {
  process.stdout.write(text);
  return ExitCode.Success;
}

function asCommandError(error: unknown): CommandError {
  if (error instanceof CommandError) return error;
  // By name, so that the client is not loaded for commands that do without it.
  if (error instanceof Error && error.name === "ConnectionError")
    return new CommandError(ExitCode.Connection, error.message);
  if (error instanceof Error && error.name === "RefusedError")
    return new CommandError(ExitCode.Refused, error.message);
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return new CommandError(ExitCode.Internal, `a defect of dunlin; please report it\n${text}`, {
    cause: error,
  });
}
