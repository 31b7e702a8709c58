import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type DataFileRecord, walkDataFile } from "./data-file.ts";
import { type DatabaseName, Environment, type Operation } from "./environment.ts";
import { dataFileName, syncFolder } from "./store-folder.ts";

const rebuildFolderName = "rebuild";
const maximumTransactionBytes = 8 * 1024 * 1024;

/**
 * Copies all records that can be reached in a damaged data file into a new one, which takes its place. The damaged
 * file stays beside it; its new name is returned.
 */
export async function rebuildDataFile(folder: string, atMs: number, mapSizeBytes: number): Promise<string> {
  const rebuildFolder = join(folder, rebuildFolderName);
  mkdirSync(rebuildFolder, { mode: 0o700 });
  const environment = new Environment({ folder: rebuildFolder, isSynced: false, mapSizeBytes });
  try {
    copyRecords(join(folder, dataFileName), environment);
    await environment.flush();
  } finally {
    await environment.close();
  }
  const setAsideName = `${dataFileName}.damaged-${new Date(atMs).toISOString().replaceAll(":", "-")}`;
  renameSync(join(folder, dataFileName), join(folder, setAsideName));
  finishRebuild(folder);
  return setAsideName;
}

/** The new file takes the place of the damaged one; an earlier process may have been killed before that, or while it copied. */
export function finishRebuild(folder: string): void {
  const rebuilt = join(folder, rebuildFolderName, dataFileName);
  // The damaged file leaves its place only when the copy is complete.
  if (existsSync(rebuilt) && !existsSync(join(folder, dataFileName))) {
    renameSync(rebuilt, join(folder, dataFileName));
  }
  rmSync(join(folder, rebuildFolderName), { recursive: true, force: true });
  syncFolder(folder);
}

function copyRecords(from: string, environment: Environment): void {
  let operations: Operation[] = [];
  let bytes = 0;
  const copy = ({ database, key, value }: DataFileRecord): void => {
    if (!isDatabaseName(database)) return;
    operations.push({ database, key: Buffer.from(key), value: Buffer.from(value()) });
    bytes += key.length + (operations.at(-1)?.value?.length ?? 0);
    if (bytes < maximumTransactionBytes) return;
    environment.writeSync(operations);
    operations = [];
    bytes = 0;
  };
  walkDataFile(from, copy);
  environment.writeSync(operations);
}

function isDatabaseName(name: string): name is DatabaseName {
  return ["main", "bodies", "quarantine", "retained", "sessions"].includes(name);
}
