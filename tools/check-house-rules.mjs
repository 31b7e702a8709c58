// The habits of the project that no other tool holds. Prints one line per breach; exits 1 when there is one.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, extname, join } from "node:path";
import ts from "typescript";
import { root } from "./run-command.mjs";
import { packageFolders } from "./workspace.mjs";

const MAXIMUM_FILE_LINES = 400;
const MAXIMUM_FUNCTION_LINES = 70;

/**
 * Files that may be longer, or hold a longer function, each with the reason.
 *
 * @type {Record<string, string>}
 */
const longForAReason = {};

const FORBIDDEN_NAMES = /^(utils?|types|common|helpers?|misc|shared)\.[cm]?[jt]s$/;
const SKIPPED_FOLDERS = new Set(["node_modules", "dist", ".git", "data", "coverage", "node24"]);
const CODE = new Set([".ts", ".mjs", ".cjs", ".js"]);
const TEXT = new Set([...CODE, ".md", ".json", ".yaml", ".yml", ".sh", ".py"]);

// Absolute paths of one person's machine mean nothing to the next reader.
const LOCAL_PATH = new RegExp(`(?<![\\w.:/-])/(${["work", "root"].join("|")})/[\\w.-]`);
// A group of tests is a function too, as long as its list of tests.
const IN_TESTS = /\.test\.|\/test\/|^conformance\//;
const CITED_CLAUSE = /\[(MQTT-\d+(?:\.\d+)*-\d+)\]/g;
const CLAUSE = /MQTT-\d+(?:\.\d+)*-\d+/g;

/** @type {string[]} */
const breaches = [];

/** @param {string} folder @returns {string[]} paths relative to the root */
function filesBelow(folder) {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === "." ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) return SKIPPED_FOLDERS.has(entry.name) ? [] : filesBelow(path);
    return entry.isFile() && TEXT.has(extname(entry.name)) && entry.name !== "package-lock.json"
      ? [path]
      : [];
  });
}

/** @returns {Set<string>} the ids of the specification's statements, or an empty set before there is a list */
function knownClauses() {
  const folder = join(root, "conformance");
  const lists = existsSync(folder)
    ? readdirSync(folder).filter((name) => /^clauses.*\.(ts|json|txt)$/.test(name))
    : [];
  return new Set(lists.flatMap((name) => readFileSync(join(folder, name), "utf8").match(CLAUSE) ?? []));
}

/**
 * @param {string} path
 * @param {string} text
 */
function checkFunctions(path, text) {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const lineOf = (/** @type {number} */ position) => source.getLineAndCharacterOfPosition(position).line + 1;
  const visit = (/** @type {ts.Node} */ node) => {
    if (ts.isFunctionLike(node) && "body" in node && node.body) {
      const first = lineOf(node.getStart(source));
      const lines = lineOf(node.end) - first + 1;
      if (lines > MAXIMUM_FUNCTION_LINES) {
        breaches.push(`${path}:${first} function of ${lines} lines; at most ${MAXIMUM_FUNCTION_LINES}`);
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
}

/**
 * @param {string} path
 * @param {string} text
 * @param {Set<string>} clauses
 */
function checkLines(path, text, clauses) {
  text.split("\n").forEach((line, index) => {
    if (LOCAL_PATH.test(line)) breaches.push(`${path}:${index + 1} names a path of one machine`);
    if (clauses.size === 0) return;
    for (const [, clause = ""] of line.matchAll(CITED_CLAUSE)) {
      if (!clauses.has(clause))
        breaches.push(`${path}:${index + 1} cites ${clause}, which the specification lacks`);
    }
  });
}

/** A lock that disagrees with a package.json works until someone clones afresh. */
function checkLock() {
  const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
  for (const [folder, locked] of Object.entries(packages)) {
    if (folder.includes("node_modules/")) continue;
    const path = folder === "" ? "package.json" : `${folder}/package.json`;
    const manifest = existsSync(join(root, path)) ? JSON.parse(readFileSync(join(root, path), "utf8")) : {};
    for (const field of ["dependencies", "devDependencies", "peerDependencies", "optionalDependencies"]) {
      const sorted = (/** @type {object} */ record) => JSON.stringify(Object.entries(record ?? {}).sort());
      if (sorted(manifest[field]) !== sorted(locked[field])) {
        breaches.push(`${path} ${field} differ from package-lock.json; run npm install`);
      }
    }
  }
}

/** npm packs a licence only from the package's own folder. */
function checkLicences() {
  const licence = readFileSync(join(root, "LICENSE"), "utf8");
  for (const folder of packageFolders()) {
    const path = `${folder}/LICENSE`;
    if (JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8")).private) continue;
    if (!existsSync(join(root, path)) || readFileSync(join(root, path), "utf8") !== licence) {
      breaches.push(`${path} is not a copy of LICENSE`);
    }
  }
}

const clauses = knownClauses();
for (const path of filesBelow(".")) {
  const text = readFileSync(join(root, path), "utf8");
  checkLines(path, text, clauses);
  if (!CODE.has(extname(path))) continue;
  if (FORBIDDEN_NAMES.test(basename(path))) breaches.push(`${path} is a name without a concept`);
  if (path in longForAReason) continue;
  const lines = text.split("\n").length - 1;
  if (lines > MAXIMUM_FILE_LINES) breaches.push(`${path} has ${lines} lines; at most ${MAXIMUM_FILE_LINES}`);
  if (!IN_TESTS.test(path)) checkFunctions(path, text);
}
checkLock();
checkLicences();

for (const breach of breaches) console.error(breach);
process.exitCode = breaches.length === 0 ? 0 : 1;
