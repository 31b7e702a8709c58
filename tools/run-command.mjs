import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * Runs a command in the root folder to its end.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ env?: NodeJS.ProcessEnv, timeoutMs?: number }} [options]
 * @returns {Promise<{ exitCode: number, output: string }>} with stdout and stderr interleaved in `output`.
 */
export function runCommand(command, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      env: { ...process.env, ...options.env },
      stdio: ["ignore", "pipe", "pipe"],
      // npm is a .cmd file on Windows, which only a shell can start.
      shell: process.platform === "win32" && command === "npm",
    });
    let output = "";
    const timer = options.timeoutMs && setTimeout(() => child.kill(), options.timeoutMs);
    const collect = (/** @type {string} */ text) => {
      output += text;
    };
    child.stdout.setEncoding("utf8").on("data", collect);
    child.stderr.setEncoding("utf8").on("data", collect);
    child.on("error", (error) =>
      resolve({ exitCode: 127, output: `${output}${command}: ${error.message}\n` }),
    );
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      if (signal) collect(`${command} was ended by ${signal}\n`);
      resolve({ exitCode: code ?? 1, output });
    });
  });
}

/**
 * The script behind a command of an installed package. Starting it with Node directly saves npx's half second.
 *
 * @param {string} packageName
 * @param {string} [binName]
 */
export function scriptOf(packageName, binName = packageName) {
  const folder = join(root, "node_modules", packageName);
  const { bin } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  return join(folder, typeof bin === "string" ? bin : bin[binName]);
}

/**
 * Runs the command of an installed package with this Node.
 *
 * @param {string} packageName
 * @param {readonly string[]} args
 * @param {Parameters<typeof runCommand>[2] & { bin?: string }} [options]
 */
export function runPackage(packageName, args, { bin, ...options } = {}) {
  return runCommand(process.execPath, [scriptOf(packageName, bin), ...args], options);
}
