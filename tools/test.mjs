// `npm test`: everything that must hold, from a fresh clone, with nothing but Node and npm.
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { root, runCommand, runPackage } from "./run-command.mjs";
import { build, install, isInstalled, packageFolders } from "./workspace.mjs";

/**
 * @typedef {{ exitCode: number, output: string }} Result
 * @typedef {{ title: string, run: () => Promise<Result> }} Check
 */

const { values: options, positionals } = parseArgs({
  options: { filter: { type: "string", multiple: true } },
  allowPositionals: true,
});
/** A run takes a few minutes; one that takes this long hangs. */
const TESTS_TIMEOUT_MS = 20 * 60 * 1000;

const filters = [...(options.filter ?? []), ...positionals];

const readPackage = (/** @type {string} */ folder) =>
  JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));

/** @param {string} line */
const print = (line) => process.stdout.write(`${line}\n`);

/** @type {(startedAt: number) => string} */
const seconds = (startedAt) => `${((performance.now() - startedAt) / 1000).toFixed(1)} s`.padStart(8);

/**
 * Runs one step and prints a line for it, with all of its output when it fails.
 *
 * @param {Check} check
 * @returns {Promise<boolean>} whether it passed
 */
async function passes({ title, run }) {
  const startedAt = performance.now();
  const { exitCode, output } = await run();
  print(`${exitCode === 0 ? "ok  " : "FAIL"} ${seconds(startedAt)}  ${title}`);
  if (exitCode !== 0) print(output.trimEnd());
  return exitCode === 0;
}

/** @returns {Promise<Result>} */
async function publintAll() {
  const folders = packageFolders().filter((folder) => readPackage(folder).private !== true);
  const results = await Promise.all(folders.map((folder) => runPackage("publint", [folder, "--strict"])));
  return {
    exitCode: Math.max(...results.map((result) => result.exitCode)),
    output: results.map((result) => result.output).join("\n"),
  };
}

/** @type {Check[]} */
const checks = [
  {
    title: "types of tests and tools",
    run: () => runPackage("typescript", ["-p", "tsconfig.test.json"], { bin: "tsc" }),
  },
  {
    title: "lint and format",
    run: () => runPackage("@biomejs/biome", ["check", "--error-on-warnings"], { bin: "biome" }),
  },
  { title: "layers", run: () => runPackage("dependency-cruiser", layerArguments(), { bin: "depcruise" }) },
  {
    title: "unused code",
    run: () => runPackage("knip", ["--no-progress", "--treat-config-hints-as-errors"]),
  },
  { title: "packages as published", run: publintAll },
  { title: "house rules", run: () => runCommand(process.execPath, ["tools/check-house-rules.mjs"]) },
];
if (readPackage(".").scripts["conformance:check"]) {
  checks.push({
    title: "conformance document",
    run: () => runCommand("npm", ["run", "--silent", "conformance:check"]),
  });
}

function layerArguments() {
  const folders = ["packages", "conformance", "crash", "simulator", "benchmarks", "examples"];
  return [
    "--config",
    ".dependency-cruiser.cjs",
    ...folders.filter((folder) => existsSync(join(root, folder))),
  ];
}

/**
 * Runs the checks, two at a time.
 *
 * @returns {Promise<{ passed: number, failed: number }>}
 */
async function runChecks() {
  const waiting = [...checks];
  const counts = { passed: 0, failed: 0 };
  const lane = async () => {
    for (let check = waiting.shift(); check; check = waiting.shift()) {
      if (await passes(check)) counts.passed += 1;
      else counts.failed += 1;
    }
  };
  await Promise.all([lane(), lane()]);
  return counts;
}

/** @returns {Promise<import("./vitest-summary-reporter.mjs").TestSummary>} */
async function runTests() {
  const folder = mkdtempSync(join(tmpdir(), "dunlin-test-"));
  const summaryFile = join(folder, "summary.json");
  const startedAt = performance.now();
  const reporters = ["--reporter=minimal", "--reporter=./tools/vitest-summary-reporter.mjs"];
  const { exitCode, output } = await runPackage(
    "vitest",
    ["run", "--allowOnly=false", ...reporters, ...filters],
    {
      env: { DUNLIN_TEST_SUMMARY: summaryFile, NO_COLOR: "1" },
      timeoutMs: TESTS_TIMEOUT_MS,
    },
  );
  /** @type {import("./vitest-summary-reporter.mjs").TestSummary} */
  const summary = existsSync(summaryFile)
    ? JSON.parse(readFileSync(summaryFile, "utf8"))
    : { passed: 0, failed: 0, skipped: [] };
  rmSync(folder, { recursive: true });
  // Vitest can fail without a failed test, e.g. when a filter matches nothing.
  if (exitCode !== 0 && summary.failed === 0) summary.failed = 1;
  print(`${summary.failed === 0 ? "ok  " : "FAIL"} ${seconds(startedAt)}  ${summary.passed} tests`);
  if (summary.failed > 0) print(output.trimEnd());
  return summary;
}

/** @returns {Promise<{ passed: number, failed: number, skipped: number }>} */
async function main() {
  if (!isInstalled() && !(await passes({ title: "install", run: install })))
    return { passed: 0, failed: 1, skipped: 0 };
  const components = await runCommand("sh", ["tools/install-test-components.sh"]);
  if (components.output) print(components.output.trimEnd());
  const built = await passes({ title: "build", run: build });
  const checked = filters.length === 0 ? await runChecks() : { passed: 0, failed: 0 };
  const tested = await runTests();
  if (tested.skipped.length > 0) {
    print("skipped:");
    for (const { test, reason } of tested.skipped) print(`  ${test}: ${reason}`);
  }
  return {
    passed: checked.passed + tested.passed + (built ? 1 : 0),
    failed: checked.failed + tested.failed + (built ? 0 : 1),
    skipped: tested.skipped.length,
  };
}

const { passed, failed, skipped } = await main();
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
print(`${passed} passed, ${failed} failed, ${skipped} skipped`);
