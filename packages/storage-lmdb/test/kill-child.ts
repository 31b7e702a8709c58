// Commits group after group until it is killed, and prints the number of each group once it is acknowledged.
import { writeSync } from "node:fs";
import { createLmdbStore } from "@dunlin/storage-lmdb";

const [path = "", durability] = process.argv.slice(2);
const sessions = [1, 2, 3];
const text = (value: string): Uint8Array => new TextEncoder().encode(value);

let group = 0;
const store = createLmdbStore({ path, durability: durability === "os" ? "os" : "disk" });
await store.open({
  session(session) {
    group = session.nextSequence;
  },
  retained() {},
});
for (; ; group++) {
  const body = text(`message ${group}`);
  // A second body, of which one message in a hundred needs pages of its own.
  const bodies = new Uint8Array(body.length + (group % 100 === 0 ? 100_000 : 10));
  bodies.set(body);
  const references = [{ body: 0, flags: 1, subscriptionIdentifiers: undefined }];
  const acknowledged = { acknowledged: [], released: [], inboundPacketIdentifiers: [] };
  await store.commit({
    atMs: group,
    bodies,
    bodyEnds: [body.length, bodies.length],
    inboxes: new Map([
      ...sessions.map((session) => [session, { firstSequence: group, references }] as const),
      [4, { firstSequence: group, references: [{ ...references[0]!, body: 1 }] }],
    ]),
    sessions: new Map(
      [...sessions, 4].map((sessionNumber) => [
        sessionNumber,
        {
          sessionNumber,
          clientId: `client ${sessionNumber}`,
          protocolVersion: 5,
          sessionExpiryIntervalSeconds: 0xffffffff,
          expiresAtMs: Number.POSITIVE_INFINITY,
          userName: `user of group ${group}`,
        },
      ]),
    ),
    subscriptions: new Map(),
    // The fourth session keeps only its last 5 messages, so that pages are freed and used again.
    deliveryStates: new Map([
      [4, { ...acknowledged, firstUnacknowledged: Math.max(0, group - 4), sentBefore: group }],
    ]),
    retained: new Map([["last group", text(String(group))]]),
    wills: new Map(),
  });
  writeSync(1, `${group}\n`);
}
