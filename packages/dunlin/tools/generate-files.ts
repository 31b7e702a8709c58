// `npm run docs -w dunlin`: writes the files that are made from the source.
import { writeFileSync } from "node:fs";
import { generatedFiles } from "./generated-files.ts";

for (const [path, render] of Object.entries(generatedFiles)) {
  writeFileSync(new URL(`../${path}`, import.meta.url), await render());
}
