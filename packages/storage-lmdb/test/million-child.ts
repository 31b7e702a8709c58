// Queues a million messages for one session that is offline, then reads them all, and tells what that took.
import { createLmdbStore } from "@dunlin/storage-lmdb";

const messages = 1_000_000;
const messagesPerGroup = 1000;
const messageSize = 100;
const path = process.argv[2] ?? "";

const nothing = {
  atMs: 1,
  bodies: new Uint8Array(),
  bodyEnds: [],
  inboxes: new Map(),
  sessions: new Map(),
  subscriptions: new Map(),
  deliveryStates: new Map(),
  retained: new Map(),
  wills: new Map(),
};
const record = {
  sessionNumber: 1,
  clientId: "offline",
  protocolVersion: 5,
  sessionExpiryIntervalSeconds: 3600,
  expiresAtMs: 0,
  userName: undefined,
} as const;

const store = createLmdbStore({ path });
await store.open({ session() {}, retained() {} });
await store.commit({ ...nothing, sessions: new Map([[1, record]]) });

const cpuBefore = process.cpuUsage();
const appendStartedMs = performance.now();
for (let firstSequence = 0; firstSequence < messages; firstSequence += messagesPerGroup) {
  const bodies = new Uint8Array(messagesPerGroup * messageSize).fill(firstSequence);
  const bodyEnds = [];
  const references = [];
  for (let body = 0; body < messagesPerGroup; body++) {
    bodyEnds.push((body + 1) * messageSize);
    references.push({ body, flags: 1, subscriptionIdentifiers: undefined });
  }
  await store.commit({
    ...nothing,
    bodies,
    bodyEnds,
    inboxes: new Map([[1, { firstSequence, references }]]),
  });
}
const appendMs = performance.now() - appendStartedMs;
const cpu = process.cpuUsage(cpuBefore);
const rss = process.memoryUsage.rss();

const readStartedMs = performance.now();
let read = 0;
while (read < messages) read += (await store.readInbox(1, read, 1000, 1_000_000)).length;
const readMs = performance.now() - readStartedMs;
await store.close();

const openStartedMs = performance.now();
let queuedMessages = 0;
await store.open({
  session(session) {
    queuedMessages = session.queuedMessages;
  },
  retained() {},
});
const openMs = performance.now() - openStartedMs;
await store.close();

const perSecond = (ms: number): number => Math.round((messages * 1000) / ms);
const cpuMicrosecondsPerMessage = (cpu.user + cpu.system) / messages;
const results = { queuedMessages, appendedPerSecond: perSecond(appendMs), cpuMicrosecondsPerMessage };
console.log(
  JSON.stringify({ ...results, readPerSecond: perSecond(readMs), openMs, rssMegabytes: rss / 1e6 }),
);
