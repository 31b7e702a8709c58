import { existsSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root, runCommand, runPackage } from "./run-command.mjs";

const buildStamp = join(root, "node_modules", ".dunlin-build");

/** @param {string} path */
const readJson = (path) => JSON.parse(readFileSync(join(root, path), "utf8"));

/** The folders below packages/ that are packages. */
export function packageFolders() {
  return readdirSync(join(root, "packages"))
    .filter((name) => existsSync(join(root, "packages", name, "package.json")))
    .map((name) => `packages/${name}`);
}

/**
 * Whether node_modules holds what package-lock.json asks for. The contents are compared, not the times: a
 * checkout of another branch touches the lock without changing it.
 */
export function isInstalled() {
  const record = "node_modules/.package-lock.json";
  if (!existsSync(join(root, record))) return false;
  const wanted = readJson("package-lock.json").packages;
  const installed = readJson(record).packages;
  return Object.entries(wanted).every(([path, entry]) => {
    const found = installed[path];
    // An optional package is left out where it does not fit the platform; "" is the workspace itself.
    if (found === undefined) return path === "" || entry.optional === true || !path.includes("node_modules/");
    return found.link === true || found.version === entry.version;
  });
}

/** Installs exactly what the lock says. */
export function install() {
  return runCommand("npm", ["ci", "--no-audit", "--no-fund"]);
}

/**
 * The newest modification time below a path, folders included, so that a removed file shows too.
 *
 * @param {string} path
 * @returns {number} milliseconds since the epoch
 */
function newestChange(path) {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return readdirSync(path).reduce(
    (newest, name) => Math.max(newest, newestChange(join(path, name))),
    stat.mtimeMs,
  );
}

/** Whether every package was built after its last change. Reads file times only: a few milliseconds. */
export function isBuilt() {
  if (!existsSync(buildStamp)) return false;
  const builtAt = statSync(buildStamp).mtimeMs;
  const inputs = ["tsconfig.json", "tsconfig.base.json", "package-lock.json"];
  for (const folder of packageFolders()) {
    if (!existsSync(join(root, folder, "dist", "index.js"))) return false;
    inputs.push(`${folder}/src`, `${folder}/tsconfig.json`, `${folder}/package.json`);
  }
  return inputs.every((path) => newestChange(join(root, path)) <= builtAt);
}

/** Compiles what has changed and remembers when it began: a file saved meanwhile counts as newer. */
export async function build() {
  const startedAt = new Date();
  const result = await runPackage("typescript", ["-b"], { bin: "tsc" });
  if (result.exitCode === 0) {
    writeFileSync(buildStamp, "");
    utimesSync(buildStamp, startedAt, startedAt);
  }
  return result;
}
