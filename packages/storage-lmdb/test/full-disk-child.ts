// Fills a store under a limit of file size until a commit fails, makes room, and commits the same group again.
import { createLmdbStore } from "@dunlin/storage-lmdb";
import { commitGroup, deliveryState, inboxAppend, recoverAll, sessionRecord } from "@dunlin/test-kit";

// Without a handler the signal that comes with a write beyond the limit would end the process.
process.on("SIGXFSZ", () => {});
const store = createLmdbStore({ path: process.argv[2] ?? "" });
const { sessions } = await recoverAll(store);
if (sessions.size > 0) throw new Error("The store was not empty");
await store.commit(commitGroup({ sessions: new Map([[1, sessionRecord(1)]]) }));

const bodies = Array.from({ length: 10 }, (_, index) => `body ${index} `.repeat(2000));
const groupAt = (firstSequence: number): ReturnType<typeof commitGroup> =>
  commitGroup({
    bodies,
    inboxes: new Map([[1, inboxAppend(firstSequence, [...bodies.keys()])]]),
    retained: new Map([["groups", Buffer.from(String(firstSequence))]]),
  });
const failures: unknown[] = [];
let stored = 0;
while (failures.length === 0 && stored < 10_000) {
  try {
    await store.commit(groupAt(stored));
    stored += bodies.length;
  } catch (error) {
    failures.push(error);
  }
}
// It stays full, however often it is tried.
for (let attempt = 0; attempt < 3; attempt++) {
  await store.commit(groupAt(stored)).catch((error) => failures.push(error));
}
const queuedWhenFull = (await store.readInbox(1, 0, 100_000, 1e9)).length;
await store.commit(
  commitGroup({ deliveryStates: new Map([[1, deliveryState({ firstUnacknowledged: stored - 10 })]]) }),
);
// LMDB uses the pages of a transaction again two transactions later.
await store.commit(commitGroup({}));
await store.commit(groupAt(stored));
const queued = (await store.readInbox(1, 0, 100_000, 1e9)).map(({ sequence }) => sequence);
await store.close();
const recovered = await recoverAll(store);
await store.close();
console.log(
  JSON.stringify({
    failures: failures.map((error) => ({ code: (error as { code?: string }).code, message: String(error) })),
    stored,
    queuedWhenFull,
    queued,
    retained: recovered.retained.get("groups"),
    queuedAfterReopening: recovered.sessions.get(1)?.queuedMessages,
    quarantined: recovered.summary.quarantined,
  }),
);
