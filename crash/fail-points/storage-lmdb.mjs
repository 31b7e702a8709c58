// @dunlin/storage-lmdb with a store that can be killed before, within and after each of its calls; or that breaks its
// promise on purpose, to show that the checker notices.
import { createLmdbStore as createRealStore } from "@dunlin/storage-lmdb";
import { isDue, reach } from "./fail-point.mjs";
import { planted } from "./planted.mjs";

/** @typedef {import("@dunlin/broker").Store} Store */

/** @param {import("@dunlin/storage-lmdb").LmdbStoreOptions} options @returns {Store} */
export function createLmdbStore(options) {
  return new FailingStore(planted(createRealStore(options), process.env["CRASH_PLANT"]));
}

/** How long LMDB's own thread gets before the process is killed within a commit, in microseconds. */
const longestCommitUs = 1500;

/** @implements {Store} */
class FailingStore {
  /** @type {Store} */
  #store;

  /** @param {Store} store */
  constructor(store) {
    this.#store = store;
  }

  get durability() {
    return this.#store.durability;
  }

  /** @type {Store["open"]} */
  async open(visitor) {
    reach("before recovery");
    const summary = await this.#store.open({
      session(session) {
        visitor.session(session);
        reach("within recovery");
      },
      retained(topicName, body) {
        visitor.retained(topicName, body);
        reach("within recovery");
      },
    });
    reach("after recovery");
    return summary;
  }

  /** @type {Store["commit"]} */
  async commit(group) {
    reach("before commit");
    const isCut = isDue("within commit");
    const stored = this.#store.commit(group);
    if (isCut) await killWithin();
    await stored;
    reach("after commit");
    if (group.sessions.size > 0 && [...group.sessions.values()].includes(null)) reach("after erasing");
  }

  /** @type {Store["readInbox"]} */
  async readInbox(...range) {
    reach("before reading an inbox");
    const page = await this.#store.readInbox(...range);
    reach("after reading an inbox");
    return page;
  }

  async close() {
    reach("before closing");
    await this.#store.close();
    reach("after closing");
  }
}

/** LMDB's thread begins once the event loop is left; then it is stopped somewhere on its way. */
async function killWithin() {
  await new Promise((resolve) => setImmediate(resolve));
  const until = performance.now() + (Math.random() * longestCommitUs) / 1000;
  while (performance.now() < until);
  process.kill(process.pid, "SIGKILL");
}
