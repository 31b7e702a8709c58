import { defaultLimits, limitRanges } from "@dunlin/broker";
import { z } from "zod";
import { brokerLimitSpecs, type LimitSpec } from "./limit-specs.ts";
import { formatSize, sizeSchema } from "./size.ts";

type Limit = z.ZodType<number, number | string>;

type LimitKey = keyof typeof brokerLimitSpecs;

/** All limits of the broker, with the defaults that it has when embedded. */
export const limitsSchema = z.strictObject(
  mapSpecs(brokerLimitSpecs, (key: LimitKey, limit) =>
    limit.prefault(defaultLimits[key]).describe(brokerLimitSpecs[key].description),
  ),
);

/** Some limits, each of them optional. */
export function limitOverridesSchema<Key extends LimitKey>(
  specs: Readonly<Record<Key, LimitSpec>>,
): z.ZodObject<Record<Key, z.ZodExactOptional<Limit>>, z.core.$strict> {
  return z.strictObject(
    mapSpecs(specs, (key, limit) => limit.exactOptional().describe(specs[key].description)),
  );
}

function mapSpecs<Key extends LimitKey, Schema>(
  specs: Readonly<Record<Key, LimitSpec>>,
  toSchema: (key: Key, limit: Limit) => Schema,
): Record<Key, Schema> {
  const entries = Object.entries(specs) as [Key, LimitSpec][];
  return Object.fromEntries(
    entries.map(([key, spec]) => [key, toSchema(key, limitSchema(key, spec))]),
  ) as Record<Key, Schema>;
}

function limitSchema(key: LimitKey, spec: LimitSpec): Limit {
  const { minimum, maximum } = limitRanges[key];
  if (spec.unit === "bytes") return sizeSchema(minimum, maximum);
  return z.int().min(minimum).max(maximum) as unknown as Limit;
}

/** A limit as people write it: "16MiB", "10000". */
export function formatLimit(key: LimitKey): string {
  const value = defaultLimits[key];
  return brokerLimitSpecs[key].unit === "bytes" ? formatSize(value) : String(value);
}
