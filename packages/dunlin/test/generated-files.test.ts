import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { generatedFiles } from "../tools/generated-files.ts";

test.each(Object.entries(generatedFiles))(
  "%s is what `npm run docs -w dunlin` makes",
  async (path, render) => {
    expect(readFileSync(new URL(`../${path}`, import.meta.url), "utf8")).toBe(await render());
  },
);
