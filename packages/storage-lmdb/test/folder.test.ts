import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { createLmdbStore } from "@dunlin/storage-lmdb";
import { recoverAll } from "@dunlin/test-kit";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runChild } from "./run-child.ts";

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dunlin-folder-"));
  path = join(folder, "store");
});
afterEach(() => {
  chmodSync(folder, 0o700);
  rmSync(folder, { recursive: true });
});

function refusal(message: RegExp): object {
  return expect.objectContaining({ code: "DUNLIN_STORE", message: expect.stringMatching(message) });
}

test("the folder and its files belong to this user alone", async () => {
  const store = createLmdbStore({ path: join(path, "deep", "er") });
  await recoverAll(store);
  expect(statSync(join(path, "deep", "er")).mode & 0o777).toBe(0o700);
  const files = readdirSync(join(path, "deep", "er"));
  expect(files.sort()).toEqual(["data.mdb", "dunlin-store.json", "lock.mdb", "lock.sock"]);
  for (const file of files) expect(statSync(join(path, "deep", "er", file)).mode & 0o777).toBe(0o600);
  await store.close();
});

test("a folder with other files is refused and left as it is", async () => {
  mkdirSync(path);
  writeFileSync(join(path, "holiday.jpg"), "");
  await expect(recoverAll(createLmdbStore({ path }))).rejects.toEqual(
    refusal(/not a Dunlin store but holds other files \(holiday\.jpg\): choose/),
  );
  expect(readdirSync(path)).toEqual(["holiday.jpg"]);
});

test("a file, and a folder below a file, are refused", async () => {
  writeFileSync(path, "");
  await expect(recoverAll(createLmdbStore({ path }))).rejects.toEqual(refusal(/cannot be used/));
  await expect(recoverAll(createLmdbStore({ path: join(path, "x") }))).rejects.toEqual(
    refusal(/cannot be used/),
  );
});

test("a folder where there can be none is refused", async (context) => {
  context.skip(process.platform !== "linux", "only Linux has /proc");
  await expect(recoverAll(createLmdbStore({ path: "/proc/dunlin/store" }))).rejects.toEqual(
    refusal(/cannot be used \(ENOENT/),
  );
});

test("a folder that this user may not write to is refused", async (context) => {
  context.skip(process.getuid?.() === 0, "root may write to any folder");
  mkdirSync(path, { mode: 0o500 });
  await expect(recoverAll(createLmdbStore({ path }))).rejects.toEqual(refusal(/this user may write to/));
});

test("a folder that was claimed when the power was lost is new", async () => {
  mkdirSync(path);
  writeFileSync(join(path, "dunlin-store.json"), "");
  const store = createLmdbStore({ path });
  expect((await recoverAll(store)).summary.quarantined).toEqual([]);
  await store.close();
  await recoverAll(store);
  await store.close();
});

test("a store of a newer format, or with a damaged marker, is refused", async () => {
  mkdirSync(path);
  writeFileSync(join(path, "dunlin-store.json"), '{"format":2}');
  await expect(recoverAll(createLmdbStore({ path }))).rejects.toEqual(
    refusal(/has format 2, this version of Dunlin reads 1: use the version that wrote it/),
  );
  writeFileSync(join(path, "dunlin-store.json"), "{");
  await expect(recoverAll(createLmdbStore({ path }))).rejects.toEqual(refusal(/restore it as/));
});

test("a store is opened once at a time in one process", async () => {
  const store = createLmdbStore({ path });
  await recoverAll(store);
  await expect(recoverAll(store)).rejects.toEqual(refusal(/is open/));
  await expect(recoverAll(createLmdbStore({ path }))).rejects.toEqual(
    refusal(new RegExp(`in use by process ${process.pid}: stop that`)),
  );
  await store.close();
  const other = createLmdbStore({ path });
  await recoverAll(other);
  await other.close();
});

test("a store that another process holds is refused until that process is killed", async () => {
  const child = runChild("./kill-child.ts", [path, "os"]);
  const closed = new Promise((done) => child.on("close", done));
  const lines = createInterface({ input: child.stdout! });
  await new Promise((done) => lines.once("line", done));
  await expect(recoverAll(createLmdbStore({ path }))).rejects.toEqual(
    refusal(new RegExp(`in use by process ${child.pid}`)),
  );
  child.kill("SIGKILL");
  await closed;
  const store = createLmdbStore({ path });
  await recoverAll(store);
  await store.close();
}, 60_000);

test("a path too long for a socket's address is locked all the same", async () => {
  const long = join(path, "x".repeat(120));
  const store = createLmdbStore({ path: long });
  await recoverAll(store);
  await expect(recoverAll(createLmdbStore({ path: long }))).rejects.toEqual(refusal(/in use/));
  await store.close();
});
