import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { TemporaryFolder } from "./temporary-folder.ts";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../..", import.meta.url));
const packages = ["@dunlin/protocol", "@dunlin/broker", "@dunlin/storage-lmdb", "dunlin"];

/** README.md, and the documents that are packed with it. */
function pagesOf(folder: string): string[] {
  const docs = join(folder, "docs");
  const names = existsSync(docs) ? readdirSync(docs) : [];
  return [join(folder, "README.md"), ...names.map((name) => join(docs, name))];
}

/** What a page links to and was not packed. */
function missingLinks(page: string): string[] {
  const targets = [...readFileSync(page, "utf8").matchAll(/\]\(([^)#]+)[^)]*\)/g)].map(
    ([, target]) => target!,
  );
  const files = targets.filter((target) => !/^\w+:/.test(target));
  return files.filter((file) => !existsSync(join(dirname(page), file))).map((file) => `${page}: ${file}`);
}

test("the packed packages, installed elsewhere, run as npx does", { timeout: 120_000 }, async (context) => {
  using packed = new TemporaryFolder();
  using installed = new TemporaryFolder();
  const workspaces = packages.flatMap((name) => ["--workspace", name]);
  await run("npm", ["pack", ...workspaces, "--pack-destination", packed.path], { cwd: root });
  const tarballs = readdirSync(packed.path).map((name) => join(packed.path, name));
  expect(tarballs).toHaveLength(packages.length);

  installed.write("package.json", "{}");
  const flags = ["--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts"];
  try {
    await run("npm", ["install", ...flags, ...tarballs], { cwd: installed.path });
  } catch (error) {
    const { stderr } = error as { stderr: string };
    // The libraries of others come from there; ours are all in the tarballs.
    if (/ENOTFOUND|ECONNREFUSED|ETIMEDOUT|EAI_AGAIN|ENOTCACHED/.test(stderr))
      context.skip("no package registry");
    throw error;
  }

  for (const name of packages) {
    const folder = join(installed.path, "node_modules", name);
    for (const page of pagesOf(folder)) expect(missingLinks(page)).toEqual([]);
  }

  const dunlin = join(installed.path, "node_modules", ".bin", "dunlin");
  const { stdout: help } = await run(dunlin, ["start", "--help"]);
  const named = help.match(/docs\/\w+\.md/g);
  expect(named).not.toBeNull();
  for (const page of named!) expect(existsSync(join(installed.path, "node_modules/dunlin", page))).toBe(true);
  const { version } = JSON.parse(readFileSync(join(root, "packages/dunlin/package.json"), "utf8"));
  expect((await run(dunlin, ["--version"])).stdout).toBe(`dunlin ${version}\n`);
  const broker = execFile(dunlin, ["--port", "0", "--data", join(installed.path, "data")]);
  try {
    const text = await new Promise<string>((resolve, reject) => {
      let printed = "";
      broker.stdout!.on("data", (chunk: string) => {
        printed += chunk;
        if (printed.includes("allowAnonymous: false")) resolve(printed);
      });
      broker.on("exit", () => reject(new Error(printed)));
    });
    expect(text).toContain("  npx dunlin sub -p ");
    const [, port] = /mqtt:\/\/127\.0\.0\.1:(\d+)/.exec(text)!;
    await run(dunlin, ["pub", "-p", port!, "-t", "a", "-m", "packed", "-q", "1", "-r"]);
    expect((await run(dunlin, ["sub", "-p", port!, "-t", "a", "-C", "1"])).stdout).toBe("packed\n");
    expect(existsSync(join(installed.path, "data"))).toBe(true);
  } finally {
    broker.kill("SIGKILL");
  }
});
