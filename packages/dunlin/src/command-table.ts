import type { ExitCode } from "./command-line/exit-code.ts";
import type { CommandSpec } from "./command-line/option-spec.ts";

export interface Command {
  readonly spec: CommandSpec;
  run(args: readonly string[]): Promise<ExitCode>;
}

/** Each loads only what it needs: `dunlin pub` knows nothing of the broker. */
export const commands: Readonly<Record<string, () => Promise<Command>>> = {
  start: () => import("./commands/start.ts"),
  pub: () => import("./commands/pub.ts"),
  sub: () => import("./commands/sub.ts"),
  bench: () => import("./commands/bench.ts"),
};
