import { z } from "zod";
import { limitsSchema } from "./limits-schema.ts";
import { listenerSchema } from "./listener-schema.ts";

/**
 * The one definition of the configuration. Types, defaults, environment variables, file parsing, JSON Schema,
 * the reference page and `--check-config` all come from it.
 */
export const configSchema = z
  .strictObject({
    listeners: z
      .array(listenerSchema)
      .min(1)
      .prefault([{ type: "tcp" }])
      .describe("Where clients connect."),
    data: z.string().min(1).default("./data").describe("Folder of the store; made where it is missing."),
    durability: z
      .enum(["disk", "os", "memory"])
      .default("disk")
      .describe(
        "What an acknowledgement promises. `disk`: stored, survives a power failure. `os`: handed to the operating " +
          "system, survives a crash of the broker. `memory`: nothing is stored, a restart loses all.",
      ),
    allowAnonymous: z
      .boolean()
      .exactOptional()
      .describe(
        "Whether clients may connect without credentials. Default: only to listeners that other machines do not " +
          "reach, or that require client certificates.",
      ),
    limits: limitsSchema.prefault({}).describe("What clients may use at most."),
    sysIntervalSeconds: z
      .int()
      .min(0)
      .max(86_400)
      .default(10)
      .describe("Seconds between publishes of the `$SYS` topics; 0: no `$SYS` topics."),
    logging: z
      .strictObject({
        level: z
          .enum(["debug", "info", "warn", "error", "silent"])
          .default("info")
          .describe("The least important lines that are written."),
        format: z
          .enum(["json", "pretty"])
          .exactOptional()
          .describe("How lines are written to stderr. Default: `pretty` on a terminal, else `json`."),
      })
      .prefault({})
      .describe("The log, on stderr."),
  })
  .describe("Configuration of a Dunlin broker");

export type Config = z.output<typeof configSchema>;
