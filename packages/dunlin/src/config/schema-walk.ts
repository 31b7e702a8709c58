import { z } from "zod";
import type { ConfigPath } from "./config-path.ts";
import { configSchema } from "./schema.ts";

/** The schema itself, without the wrappers that give a default, make it optional or transform its value. */
export function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  for (const wrapper of [z.ZodDefault, z.ZodPrefault, z.ZodOptional, z.ZodExactOptional]) {
    if (schema instanceof wrapper) return unwrap(schema.def.innerType);
  }
  return schema instanceof z.ZodPipe ? unwrap(schema.def.in) : schema;
}

/** The keys known at `path`; where it is one of several kinds of listener, `input` tells which. */
export function knownKeys(path: ConfigPath, input: unknown): readonly string[] {
  let schema = unwrap(configSchema);
  let value = input;
  for (const step of path) {
    value = (value as Record<string | number, unknown>)[step];
    schema = unwrap(variantOf(stepInto(schema, step), value));
  }
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

function stepInto(schema: z.core.$ZodType, step: string | number): z.core.$ZodType {
  if (schema instanceof z.ZodArray) return unwrap(schema.element);
  if (schema instanceof z.ZodObject) return unwrap(schema.shape[step]);
  return schema;
}

function variantOf(schema: z.core.$ZodType, value: unknown): z.core.$ZodType {
  if (!(schema instanceof z.ZodDiscriminatedUnion)) return schema;
  const type = (value as { type?: unknown }).type;
  const variants = schema.options as readonly z.ZodObject[];
  return variants.find((variant) => variant.shape["type"]!.safeParse(type).success) ?? schema;
}

/** Every key that holds a single value or a list, with its schema. */
export function leaves(): readonly { readonly path: readonly string[]; readonly schema: z.core.$ZodType }[] {
  return leavesOf(configSchema, []);
}

function leavesOf(schema: z.core.$ZodType, path: readonly string[]): ReturnType<typeof leaves> {
  const bare = unwrap(schema);
  if (!(bare instanceof z.ZodObject)) return [{ path, schema: bare }];
  return Object.entries(bare.shape).flatMap(([key, inner]) =>
    leavesOf(inner as z.core.$ZodType, [...path, key]),
  );
}
