import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { BrokerError } from "@dunlin/broker";
import { lockFileName } from "./folder-lock.ts";

/** Counts up when older versions can no longer read what this one writes. */
const formatVersion = 1;
export const dataFileName = "data.mdb";
const markerFileName = "dunlin-store.json";
/** What may lie in a folder that is still empty: ours, or a file system's. */
const ignoredNames = new Set([lockFileName, markerFileName, "lost+found"]);

export type FolderState = "new" | "existing";

/** Makes sure that `folder` is ours and writable, before anything in it is touched. */
export function checkFolder(folder: string): FolderState {
  try {
    makeFolder(folder);
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw unwritable(folder, error);
  }
  const marker = join(folder, markerFileName);
  // Empty: the power was lost before its content was written, and nothing comes before it.
  if ((statSync(marker, { throwIfNoEntry: false })?.size ?? 0) > 0) {
    checkFormat(folder, marker);
    return "existing";
  }
  const strange = readdirSync(folder).find((name) => !ignoredNames.has(name));
  if (strange === undefined) return "new";
  throw new BrokerError(
    "DUNLIN_STORE",
    `${folder} is not a Dunlin store but holds other files (${strange}): choose an empty folder or a new one`,
  );
}

/** Node's own `recursive` never ends where there can be no folder and the system says ENOENT, as below /proc. */
function makeFolder(folder: string): void {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return;
  const parent = dirname(folder);
  if (parent !== folder) makeFolder(parent);
  mkdirSync(folder, { mode: 0o700 });
}

/** Claims a new folder as a store, for this user alone. */
export function markFolder(folder: string): void {
  try {
    const content = `${JSON.stringify({ what: "a Dunlin store", format: formatVersion })}\n`;
    writeFileSync(join(folder, markerFileName), content, { mode: 0o600, flush: true });
    chmodSync(folder, 0o700);
  } catch (error) {
    throw unwritable(folder, error);
  }
}

/** Files that were created in or moved into the folder stay there after a power loss. */
export function syncFolder(folder: string): void {
  // Windows does not open folders.
  if (process.platform === "win32") return;
  const descriptor = openSync(folder, "r");
  fsyncSync(descriptor);
  closeSync(descriptor);
}

function checkFormat(folder: string, marker: string): void {
  let format: unknown;
  try {
    format = (JSON.parse(readFileSync(marker, "utf8")) as { format?: unknown }).format;
  } catch (error) {
    const remedy = `restore it as {"format":${formatVersion}}`;
    throw new BrokerError("DUNLIN_STORE", `${marker} cannot be read: ${remedy}`, { cause: error });
  }
  if (format === formatVersion) return;
  throw new BrokerError(
    "DUNLIN_STORE",
    `The store ${folder} has format ${format}, this version of Dunlin reads ${formatVersion}: ` +
      "use the version that wrote it, or another folder",
  );
}

function unwritable(folder: string, cause: unknown): BrokerError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const remedy = "make it a folder that this user may write to, or choose another";
  return new BrokerError("DUNLIN_STORE", `The store ${folder} cannot be used (${reason}): ${remedy}`, {
    cause,
  });
}
