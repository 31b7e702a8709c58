import { ExitCode } from "./exit-code.ts";

/** Ends a command: `lines` go to stderr, one for each thing that is wrong, and `exitCode` to the caller. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly exitCode: ExitCode;
  readonly lines: readonly string[];

  constructor(exitCode: ExitCode, lines: string | readonly string[], options?: { cause?: unknown }) {
    const list = typeof lines === "string" ? [lines] : lines;
    super(list.join("\n"), options);
    this.exitCode = exitCode;
    this.lines = list;
  }
}

export function usageError(line: string): CommandError {
  return new CommandError(ExitCode.Usage, line);
}
