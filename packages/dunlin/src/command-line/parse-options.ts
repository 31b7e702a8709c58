import { parseArgs } from "node:util";
import { suggestion } from "../nearest.ts";
import { usageError } from "./command-error.ts";
import type { CommandSpec, OptionSpec, OptionSpecs, OptionValues } from "./option-spec.ts";

/** Reads a command's arguments; throws a usage error that names the option. Every command takes options only. */
export function parseOptions<Specs extends OptionSpecs>(
  command: CommandSpec & { readonly options: Specs },
  args: readonly string[],
): OptionValues<Specs> {
  const specs: OptionSpecs = command.options;
  // Not strict, so that a value may begin with a dash (`-m -5`) and errors are told in our words.
  const { tokens } = parseArgs({
    args: [...args],
    options: parseArgsOptions(specs),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const values = emptyValues(specs);
  for (const token of tokens) {
    if (token.kind === "option-terminator") continue;
    if (token.kind === "positional") {
      throw usageError(`unexpected argument "${token.value}"; see dunlin ${command.name} --help`);
    }
    const spec = specs[token.name];
    if (spec === undefined) throw unknownOption(command, token.rawName);
    const value = readValue(spec, token.rawName, token.value);
    if (spec.type !== "flag" && spec.multiple) (values[token.name] as unknown[]).push(value);
    else values[token.name] = value;
  }
  return values as OptionValues<Specs>;
}

function parseArgsOptions(
  specs: OptionSpecs,
): Record<string, { type: "boolean" | "string"; short?: string }> {
  return Object.fromEntries(
    Object.entries(specs).map(([name, spec]) => {
      const type = spec.type === "flag" ? "boolean" : "string";
      return [name, spec.short === undefined ? { type } : { type, short: spec.short }];
    }),
  );
}

function emptyValues(specs: OptionSpecs): Record<string, unknown> {
  const empty = (spec: OptionSpec): unknown => {
    if (spec.type === "flag") return false;
    return spec.multiple ? [] : undefined;
  };
  return Object.fromEntries(Object.entries(specs).map(([name, spec]) => [name, empty(spec)]));
}

function unknownOption(command: CommandSpec, rawName: string): Error {
  const known = Object.keys(command.options).map((name) => `--${name}`);
  const hint = suggestion(rawName, known) || `; see dunlin ${command.name} --help`;
  return usageError(`unknown option "${rawName}"${hint}`);
}

function readValue(spec: OptionSpec, rawName: string, value: string | undefined): string | number | boolean {
  if (spec.type === "flag") {
    if (value !== undefined) throw usageError(`${rawName} takes no value`);
    return true;
  }
  if (value === undefined) throw usageError(`${rawName} needs a value: ${rawName} ${spec.value}`);
  if (spec.type === "number") return readNumber(spec, rawName, value);
  if (spec.choices !== undefined && !spec.choices.includes(value)) {
    const hint = suggestion(value, spec.choices);
    throw usageError(`${rawName} must be one of ${spec.choices.join(", ")}, not "${value}"${hint}`);
  }
  return value;
}

function readNumber(spec: OptionSpec & { type: "number" }, rawName: string, value: string): number {
  const number = value.trim() === "" ? Number.NaN : Number(value);
  const integer = spec.integer ?? true;
  const wellFormed = integer ? Number.isSafeInteger(number) : Number.isFinite(number);
  if (!wellFormed || number < spec.minimum || number > spec.maximum) {
    const kind = integer ? "a whole number" : "a number";
    throw usageError(`${rawName} must be ${kind} from ${spec.minimum} to ${spec.maximum}, not "${value}"`);
  }
  return number;
}
