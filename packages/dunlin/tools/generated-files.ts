import { renderCli } from "./render-cli.ts";
import { configJsonSchema, renderConfiguration } from "./render-configuration.ts";

/** Files that are made from the source and committed, by path relative to this package. */
export const generatedFiles: Readonly<Record<string, () => string | Promise<string>>> = {
  "../../docs/configuration.md": renderConfiguration,
  "../../docs/cli.md": renderCli,
  "dunlin.schema.json": () => `${JSON.stringify(configJsonSchema(), null, 2)}\n`,
};
