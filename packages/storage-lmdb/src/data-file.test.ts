import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { walkDataFile } from "./data-file.ts";
import { Environment, type Operation } from "./environment.ts";

const transactions = 400;
const databases = ["bodies", "retained", "sessions"] as const;
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dunlin-data-file-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function createRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % below;
  };
}

/** What the records of all databases are, as "database:key" and "length:first byte". */
function recordsOf(path: string): { records: Map<string, string>; damage: string[] } {
  const records = new Map<string, string>();
  const damage = walkDataFile(path, ({ database, key, value }) => {
    const bytes = value();
    records.set(`${database}:${key.toString("hex")}`, `${bytes.length}:${bytes[0]}`);
  });
  return { records, damage };
}

test("finds every record and no damage in what LMDB writes, whatever is put, replaced and removed", async () => {
  const random = createRandom(7);
  const expected = new Map<string, string>();
  const open = (): Environment => new Environment({ folder, isSynced: false, mapSizeBytes: 2 ** 30 });
  let environment = open();
  for (let transaction = 1; transaction <= transactions; transaction++) {
    const operations: Operation[] = [
      { database: "main", key: Buffer.from("store"), value: Buffer.alloc(8, 1) },
    ];
    expected.set("main:73746f7265", "8:1");
    // Grows for a while, then shrinks, so that pages become free and are used again.
    const isShrinking = transaction % 100 > 60;
    for (let index = 0; index < 30; index++) {
      const database = databases[random(3)]!;
      const key = Buffer.alloc(4 + random(60), random(20));
      key.writeUInt32BE(random(2000));
      const name = `${database}:${key.toString("hex")}`;
      if (random(10) < (isShrinking ? 7 : 2)) {
        const known = [...expected.keys()].filter((other) => other.startsWith(database));
        const gone = known[random(known.length || 1)] ?? name;
        operations.push({ database, key: Buffer.from(gone.split(":")[1]!, "hex"), value: null });
        expected.delete(gone);
      } else {
        const length = 1 + random(random(10) === 0 ? 60_000 : 600);
        operations.push({ database, key, value: Buffer.alloc(length, length) });
        expected.set(name, `${length}:${length & 0xff}`);
      }
    }
    await environment.write(operations);
    if (transaction % 40 !== 0) continue;
    const { records, damage } = recordsOf(join(folder, "data.mdb"));
    expect(damage).toEqual([]);
    expect(records).toEqual(expected);
    await environment.close();
    environment = open();
  }
  await environment.close();
}, 60_000);

test("an empty environment has no records and no damage", async () => {
  await new Environment({ folder, isSynced: true, mapSizeBytes: 2 ** 20 }).close();
  expect(recordsOf(join(folder, "data.mdb"))).toEqual({ records: new Map(), damage: [] });
});
