import { dirname, resolve } from "node:path";
import { CommandError } from "../command-line/command-error.ts";
import { ExitCode } from "../command-line/exit-code.ts";
import { checkConfig } from "./check-config.ts";
import type { ConfigFile } from "./config-file.ts";
import type { ConfigIssue } from "./config-issue.ts";
import { type ConfigPath, formatPath, isPrefix, valueAt } from "./config-path.ts";
import { readEnvironment } from "./environment.ts";
import { configIssues } from "./issue-text.ts";
import { applyOverlay, type Overlay } from "./overlay.ts";
import { type Config, configSchema } from "./schema.ts";

export interface ConfigRequest {
  /** YAML file; none: defaults, environment and flags only. */
  readonly file: string | undefined;
  readonly environment: NodeJS.ProcessEnv;
  /** What the command line sets, over everything else. */
  readonly flags: readonly Overlay[];
}

/**
 * Command line over environment over file over defaults. Paths in the result are absolute: those of the file are
 * relative to its folder. Throws a CommandError with a line for each thing that is wrong.
 */
export async function loadConfig(request: ConfigRequest): Promise<Config> {
  const environment = await readEnvironment(request.environment);
  const overlays = [...environment.overlays, ...request.flags];
  const file = request.file === undefined ? undefined : await readFile(request.file);
  const tree = structuredClone(file?.content ?? {});
  for (const overlay of overlays) applyOverlay(tree, overlay);

  const fail = (issues: readonly ConfigIssue[]): never => {
    throw new CommandError(ExitCode.Failure, [
      ...environment.problems,
      ...describeIssues(issues, overlays, file),
    ]);
  };
  const parsed = configSchema.safeParse(tree);
  if (!parsed.success) return fail(parsed.error.issues.flatMap((issue) => configIssues(issue, tree)));
  const config = resolvePaths(parsed.data, (path) => {
    const isFromFile = valueAt(file?.content, path) !== undefined && sourceOf(path, overlays) === undefined;
    return isFromFile ? dirname(resolve(file!.name)) : process.cwd();
  });
  const issues = await checkConfig(config);
  return issues.length + environment.problems.length > 0 ? fail(issues) : config;
}

async function readFile(name: string): Promise<ConfigFile> {
  const { readConfigFile } = await import("./config-file.ts");
  return readConfigFile(name);
}

/** A line for each: first what the file does not say, then in the order of the file. */
function describeIssues(
  issues: readonly ConfigIssue[],
  overlays: readonly Overlay[],
  file: ConfigFile | undefined,
): readonly string[] {
  const located = issues.map((issue) => {
    const overlay = sourceOf(issue.path, overlays);
    const isInFile = overlay === undefined && file !== undefined;
    const offset = isInFile ? file.offsetOf(issue.path, issue.unknownKey ? "key" : "value") : -1;
    const source = isInFile ? file.position(offset) : overlay;
    const parts = [source, formatPath(issue.path), issue.text].filter(
      (part) => part !== undefined && part !== "",
    );
    return { offset, line: parts.join(": ") };
  });
  return located.sort((left, right) => left.offset - right.offset).map(({ line }) => line);
}

/** The overlay that set `path` or something around it; the last one wins. */
function sourceOf(path: ConfigPath, overlays: readonly Overlay[]): string | undefined {
  return overlays.findLast((overlay) => isPrefix(overlay.path, path))?.source;
}

function resolvePaths(config: Config, folderOf: (path: ConfigPath) => string): Config {
  return {
    ...config,
    data: resolve(folderOf(["data"]), config.data),
    listeners: config.listeners.map((listener, index) => {
      const folder = folderOf(["listeners", index]);
      if (listener.type === "unix") return { ...listener, path: resolve(folder, listener.path) };
      if (!("tls" in listener)) return listener;
      const { certFile, keyFile, caFile } = listener.tls;
      const files = { certFile: resolve(folder, certFile), keyFile: resolve(folder, keyFile) };
      const authorities = caFile === undefined ? {} : { caFile: resolve(folder, caFile) };
      return { ...listener, tls: { ...listener.tls, ...files, ...authorities } };
    }),
  };
}
