import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { storeContract } from "@dunlin/test-kit";
import { createLmdbStore } from "./lmdb-store.ts";

for (const durability of ["disk", "os"] as const) {
  storeContract(`LmdbStore, ${durability}`, () => {
    const folder = mkdtempSync(join(tmpdir(), "dunlin-store-"));
    return {
      restart: () => createLmdbStore({ path: join(folder, "store"), durability }),
      remove: async () => rmSync(folder, { recursive: true }),
    };
  });
}
