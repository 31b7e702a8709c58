import { z } from "zod";
import { nearest } from "../nearest.ts";
import type { Overlay } from "./overlay.ts";
import { leaves } from "./schema-walk.ts";

const PREFIX = "DUNLIN_";

/** Names the configuration file; read by the start command. */
export const CONFIG_VARIABLE = "DUNLIN_CONFIG";

/** Kubernetes sets these in every pod beside a Service named "dunlin"; they are not meant for us. */
const FROM_KUBERNETES = /^DUNLIN_(SERVICE_|PORT_\d+_)/;

export interface EnvironmentVariable {
  readonly name: string;
  readonly path: readonly (string | number)[];
  readonly kind: "number" | "boolean" | "text" | "yaml";
}

export function environmentVariables(): readonly EnvironmentVariable[] {
  const byPath = leaves().map(({ path, schema }): EnvironmentVariable => {
    return { name: variableName(path), path, kind: kindOf(schema) };
  });
  return [
    { name: "DUNLIN_HOST", path: ["listeners", 0, "host"], kind: "text" },
    { name: "DUNLIN_PORT", path: ["listeners", 0, "port"], kind: "number" },
    ...byPath,
  ];
}

function kindOf(schema: z.core.$ZodType): EnvironmentVariable["kind"] {
  if (schema instanceof z.ZodNumber) return "number";
  if (schema instanceof z.ZodBoolean) return "boolean";
  return schema instanceof z.ZodArray ? "yaml" : "text";
}

/** `["limits", "maximumPacketSize"]` is DUNLIN_LIMITS_MAXIMUM_PACKET_SIZE. */
export function variableName(path: readonly string[]): string {
  const words = path.map((key) => key.replace("QoS", "Qos").replace(/(?<=[a-z0-9])(?=[A-Z])/g, "_"));
  return PREFIX + words.join("_").toUpperCase();
}

/**
 * What the environment sets, and a line for each variable that looks like a misspelt one of ours. Others that begin
 * alike are left alone: they may belong to a script around us.
 */
export async function readEnvironment(
  environment: NodeJS.ProcessEnv,
): Promise<{ readonly overlays: readonly Overlay[]; readonly problems: readonly string[] }> {
  const variables = environmentVariables();
  const overlays: Overlay[] = [];
  const problems: string[] = [];
  for (const [name, text] of Object.entries(environment)) {
    if (!name.startsWith(PREFIX) || name === CONFIG_VARIABLE || FROM_KUBERNETES.test(name)) continue;
    const variable = variables.find((candidate) => candidate.name === name);
    if (variable === undefined) {
      const meant = nearestName(name, variables);
      if (meant !== undefined) problems.push(`environment variable ${name}: unknown; did you mean ${meant}?`);
    } else {
      const value = await readVariable(variable.kind, text ?? "");
      overlays.push({ path: variable.path, value, source: `environment variable ${name}` });
    }
  }
  // A whole list comes before what is set in one of its entries.
  overlays.sort((left, right) => left.path.length - right.path.length);
  return { overlays, problems };
}

function nearestName(name: string, variables: readonly EnvironmentVariable[]): string | undefined {
  const names = [...variables.map((variable) => variable.name), CONFIG_VARIABLE];
  const meant = nearest(
    name.slice(PREFIX.length),
    names.map((known) => known.slice(PREFIX.length)),
  );
  return meant === undefined ? undefined : PREFIX + meant;
}

/** Text that is not of the kind stays text, and the schema tells what is wrong with it. */
async function readVariable(kind: EnvironmentVariable["kind"], text: string): Promise<unknown> {
  if (kind === "number") return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
  if (kind === "boolean") return text === "true" ? true : text === "false" ? false : text;
  if (kind === "text") return text;
  const { parse } = await import("yaml");
  try {
    return parse(text);
  } catch {
    return text;
  }
}
