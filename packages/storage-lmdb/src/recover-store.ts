import { rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { BrokerError, type RecoverySummary, type RecoveryVisitor } from "@dunlin/broker";
import { DataFormatError, walkDataFile } from "./data-file.ts";
import { Environment, type EnvironmentOptions, type Operation } from "./environment.ts";
import { quarantineKey } from "./keys.ts";
import { finishRebuild, rebuildDataFile } from "./rebuild.ts";
import { Recovery } from "./recovery.ts";
import { dataFileName, type FolderState, syncFolder } from "./store-folder.ts";
import type { StoreMemory } from "./store-memory.ts";

/** Records that are moved or removed with one transaction while the store is opened. */
const maximumCleanedRecords = 10_000;

/** Tells the visitor all that is stored, fills `memory`, sets aside what is damaged, and opens the environment. */
export async function recoverStore(
  options: EnvironmentOptions,
  folderState: FolderState,
  memory: StoreMemory,
  visitor: RecoveryVisitor,
): Promise<{ environment: Environment; summary: RecoverySummary }> {
  const { folder } = options;
  const atMs = Date.now();
  const quarantined: string[] = [];
  const recovery = new Recovery(visitor, memory, join(folder, dataFileName));
  finishRebuild(folder);
  if (hasRecords(folder)) {
    const damage = walk(folder, recovery);
    if (damage.length > 0) {
      const setAsideName = await rebuildDataFile(folder, atMs, options.mapSizeBytes);
      quarantined.push(
        `${folder}/${dataFileName} was damaged (${damage.slice(0, 3).join(", ")}): what could be read was kept, ` +
          `the damaged file is now ${setAsideName}`,
      );
    }
  } else if (folderState === "existing") {
    quarantined.push(`${folder}/${dataFileName} was missing: the store starts empty`);
  }
  recovery.finish();
  const environment = new Environment(options);
  try {
    await cleanUp(environment, recovery, quarantined.length > 0, atMs);
    // A former process may have run with durability "os".
    if (options.isSynced) await environment.flush();
    syncFolder(folder);
  } catch (error) {
    await environment.close();
    throw error;
  }
  quarantined.push(...recovery.lines);
  const { lastAliveAtMs } = recovery;
  return {
    environment,
    summary: { nextSessionNumber: memory.nextSessionNumber, lastAliveAtMs, quarantined },
  };
}

function hasRecords(folder: string): boolean {
  const dataFile = join(folder, dataFileName);
  const size = statSync(dataFile, { throwIfNoEntry: false })?.size;
  // LMDB creates the file, and is killed before it writes to it.
  if (size === 0) rmSync(dataFile);
  return (size ?? 0) > 0;
}

function walk(folder: string, recovery: Recovery): string[] {
  const dataFile = join(folder, dataFileName);
  try {
    return walkDataFile(dataFile, (record) => recovery.visit(record));
  } catch (error) {
    if (!(error instanceof DataFormatError)) throw error;
    const remedy = "use the version of Dunlin that wrote it, or another folder";
    throw new BrokerError("DUNLIN_STORE", `${dataFile} ${error.message}: ${remedy}`, { cause: error });
  }
}

/** Moves damaged records into the quarantine, and leftovers too where damage may have made them what they are. */
async function cleanUp(
  environment: Environment,
  recovery: Recovery,
  isFileDamaged: boolean,
  atMs: number,
): Promise<void> {
  const isDamaged = isFileDamaged || recovery.damaged.length > 0;
  const setAside = isDamaged ? [...recovery.damaged, ...recovery.leftover] : [];
  const removed = isDamaged ? [] : recovery.leftover;
  let operations: Operation[] = [];
  const add = async (...more: Operation[]): Promise<void> => {
    operations.push(...more);
    if (operations.length < maximumCleanedRecords) return;
    await environment.write(operations);
    operations = [];
  };
  for (const name of setAside) {
    const value = environment.read(name.database, name.key);
    if (value === undefined) continue;
    await add(
      { ...name, value: null },
      { database: "quarantine", key: quarantineKey(name.database, name.key, atMs), value },
    );
  }
  for (const name of removed) await add({ ...name, value: null });
  if (operations.length > 0) await environment.write(operations);
}
