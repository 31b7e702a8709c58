import type { z } from "zod";
import { suggestion } from "../nearest.ts";
import type { ConfigIssue } from "./config-issue.ts";
import { type ConfigPath, valueAt } from "./config-path.ts";
import { knownKeys } from "./schema-walk.ts";

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "a mapping of keys",
};

const LONGEST_VALUE = 60;

/** What zod found, in the words of the person who wrote the file; one issue for each unknown key. */
export function configIssues(issue: z.core.$ZodIssue, input: unknown): readonly ConfigIssue[] {
  const path = issue.path as ConfigPath;
  if (issue.code === "unrecognized_keys") {
    const known = knownKeys(path, input);
    return issue.keys.map((key) => {
      return { path: [...path, key], text: `unknown key${suggestion(key, known)}`, unknownKey: true };
    });
  }
  const value = valueAt(input, path);
  if (value === undefined) return [{ path, text: `is missing; it ${requirement(issue)}` }];
  if (issue.code === "too_small" && issue.origin !== "number") return [{ path, text: "must not be empty" }];
  const hint = typeof value === "string" ? suggestion(value, choices(issue)) : "";
  return [{ path, text: `${requirement(issue)}, not ${formatValue(value, path)}${hint}` }];
}

function requirement(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return `must be ${TYPE_NAMES[issue.expected] ?? issue.expected}`;
    case "too_small":
      return `must be at least ${issue.minimum}`;
    case "too_big":
      return `must be at most ${issue.maximum}`;
    case "invalid_format":
      return issue.format === "starts_with"
        ? `must begin with "${Reflect.get(issue, "prefix")}"`
        : issue.message;
    default: {
      const known = choices(issue);
      return known.length === 0 ? issue.message : `must be ${alternatives(known)}`;
    }
  }
}

function choices(issue: z.core.$ZodIssue): readonly string[] {
  if (issue.code === "invalid_value") return issue.values.map(String);
  // Of a list whose entries are of several kinds, the issue tells the kinds; zod's types do not know.
  const options: unknown = issue.code === "invalid_union" ? Reflect.get(issue, "options") : undefined;
  return Array.isArray(options) ? options.map(String) : [];
}

function alternatives(words: readonly string[]): string {
  if (words.length === 1) return words[0]!;
  return `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}

function formatValue(value: unknown, path: ConfigPath): string {
  if (path.at(-1) === "passphrase") return "what is given";
  if (value === null) return "empty";
  if (typeof value === "object") return Array.isArray(value) ? "a list" : "a mapping of keys";
  const text = JSON.stringify(value);
  return text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE)}..."` : text;
}
