// `npm start`: installs and builds what is missing, then becomes the broker.
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { root } from "./run-command.mjs";
import { build, install, isBuilt, isInstalled } from "./workspace.mjs";

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`Dunlin needs Node.js 20.19 or newer; this is ${process.version}.`);
  process.exit(1);
}

/**
 * @param {string} title
 * @param {() => Promise<{ exitCode: number, output: string }>} step
 */
async function prepare(title, step) {
  process.stderr.write(`${title} ... `);
  const startedAt = performance.now();
  const { exitCode, output } = await step();
  process.stderr.write(`${((performance.now() - startedAt) / 1000).toFixed(1)} s\n`);
  if (exitCode !== 0) {
    process.stderr.write(output);
    process.exit(1);
  }
}

if (!isInstalled()) await prepare("Installing packages", install);
if (!isBuilt()) await prepare("Building", build);

// Loaded into this process rather than started as a child: signals and the exit code are then the broker's own.
const command = join(root, "packages", "dunlin", "bin", "dunlin.js");
process.argv.splice(1, 1, command, "start");
await import(pathToFileURL(command).href);
