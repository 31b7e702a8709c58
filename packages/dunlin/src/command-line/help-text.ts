import { ExitCode, exitCodeMeaning } from "./exit-code.ts";
import type { CommandSpec, OptionSpec } from "./option-spec.ts";

const COLUMN = 34;
const WIDTH = 100;

export function helpText(command: CommandSpec): string {
  const lines = [`${command.summary}`, ""];
  command.usage.forEach((usage, index) => {
    lines.push(`${index === 0 ? "Usage:" : "      "} dunlin ${usage}`);
  });
  for (const [group, options] of optionGroups(command)) {
    lines.push("", `${group}:`);
    for (const [name, spec] of options) lines.push(...optionLines(name, spec));
  }
  for (const note of command.notes ?? []) lines.push("", ...wrap(note, WIDTH));
  lines.push("", "Examples:");
  for (const { command: line, effect } of command.examples) lines.push(`  ${line}`, `      ${effect}`);
  lines.push("", "Exit codes:");
  lines.push(...command.exitCodes.map(exitCodeLine));
  return `${lines.join("\n")}\n`;
}

/** The options in the order of their groups' first appearance. */
export function optionGroups(command: CommandSpec): Map<string, [name: string, spec: OptionSpec][]> {
  const groups = new Map<string, [string, OptionSpec][]>();
  for (const [name, spec] of Object.entries(command.options)) {
    const group = groups.get(spec.group) ?? [];
    group.push([name, spec]);
    groups.set(spec.group, group);
  }
  return groups;
}

/** `-q, --qos N`. */
export function optionLabel(name: string, spec: OptionSpec): string {
  const long = spec.type === "flag" ? `--${name}` : `--${name} ${spec.value}`;
  return spec.short === undefined ? `    ${long}` : `-${spec.short}, ${long}`;
}

function optionLines(name: string, spec: OptionSpec): string[] {
  const label = `  ${optionLabel(name, spec)}`;
  const text = wrap(spec.help, WIDTH - COLUMN);
  if (label.length >= COLUMN) return [label, ...text.map((line) => " ".repeat(COLUMN) + line)];
  return text.map((line, index) => (index === 0 ? label.padEnd(COLUMN) : " ".repeat(COLUMN)) + line);
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = "";
    }
    line = line === "" ? word : `${line} ${word}`;
  }
  lines.push(line);
  return lines;
}

/** `dunlin --help`. */
export function overviewText(commands: readonly CommandSpec[]): string {
  return [
    "Dunlin, an MQTT broker and its command line.",
    "",
    "Usage: dunlin [start] [options]   runs the broker",
    ...commands.flatMap(({ usage }) =>
      usage.filter((line) => !line.startsWith("[")).map((line) => `       dunlin ${line}`),
    ),
    "",
    "Commands:",
    ...commands.map(({ name, summary }) => `  ${name.padEnd(8)}${summary}`),
    "",
    "dunlin COMMAND --help tells the options of each; dunlin --version the version.",
    "",
    "Exit codes:",
    ...(Object.keys(ExitCode) as (keyof typeof ExitCode)[]).map(exitCodeLine),
    "",
  ].join("\n");
}

function exitCodeLine(name: keyof typeof ExitCode): string {
  return `  ${String(ExitCode[name]).padStart(2)}  ${exitCodeMeaning[name]}`;
}
