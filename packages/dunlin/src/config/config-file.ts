import { readFile } from "node:fs/promises";
import { isMap, isNode, LineCounter, type Node, type Pair, parseDocument } from "yaml";
import { CommandError } from "../command-line/command-error.ts";
import { ExitCode } from "../command-line/exit-code.ts";
import type { ConfigPath } from "./config-path.ts";

export interface ConfigFile {
  /** As named on the command line. */
  readonly name: string;
  readonly content: Record<string, unknown>;
  /** Where the value of `path` stands, or else the nearest thing around it; `key`: where its key does. */
  offsetOf(path: ConfigPath, of: "key" | "value"): number;
  /** `dunlin.yaml:3:5`. */
  position(offset: number): string;
}

/** Reads a YAML file; throws a CommandError with a line for each thing that makes it unreadable. */
export async function readConfigFile(name: string): Promise<ConfigFile> {
  const text = await readText(name);
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, prettyErrors: false });
  const position = (offset: number): string => {
    const { line, col } = lineCounter.linePos(offset);
    return `${name}:${line}:${col}`;
  };
  if (document.errors.length > 0) {
    const lines = document.errors.map(
      (error) => `${position(error.pos[0])}: not valid YAML: ${firstLine(error.message)}`,
    );
    throw new CommandError(ExitCode.Failure, lines);
  }
  const root = document.contents;
  if (root !== null && !isMap(root)) {
    throw new CommandError(
      ExitCode.Failure,
      `${position(root.range![0])}: must be a mapping of keys, such as "data: ./data"`,
    );
  }
  return {
    name,
    content: (document.toJS() as Record<string, unknown> | null) ?? {},
    offsetOf: (path, of) => offsetOf(root, path, of),
    position,
  };
}

async function readText(name: string): Promise<string> {
  try {
    return await readFile(name, "utf8");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reason =
      code === "ENOENT" ? "there is no such file" : code === "EISDIR" ? "it is a folder" : message;
    throw new CommandError(ExitCode.Failure, `${name}: cannot read the configuration: ${reason}`, {
      cause: error,
    });
  }
}

function firstLine(message: string): string {
  return message.split("\n", 1)[0]!;
}

function offsetOf(root: Node | null, path: ConfigPath, of: "key" | "value"): number {
  let node: Node | null = root;
  let offset = root?.range?.[0] ?? 0;
  path.forEach((step, index) => {
    const isLast = index === path.length - 1;
    const pair: Pair | undefined = isMap(node)
      ? node.items.find((item) => isNode(item.key) && String(item.key) === String(step))
      : undefined;
    const found: unknown =
      pair === undefined ? getItem(node, step) : isLast && of === "key" ? pair.key : pair.value;
    node = isNode(found) ? found : null;
    offset = node?.range?.[0] ?? offset;
  });
  return offset;
}

function getItem(node: Node | null, step: string | number): unknown {
  return node !== null && "items" in node ? (node.items as unknown[])[Number(step)] : undefined;
}
