/** @typedef {import("@dunlin/broker").Store} Store */
/** @typedef {import("@dunlin/broker").CommitGroup} CommitGroup */

/** How much later than it says a store stores that acknowledges first. */
const lateMs = 40;

/** What each planted defect makes of a group. @type {Readonly<Record<string, (group: CommitGroup) => CommitGroup>>} */
const forgetful = {
  "forgets an inbox": (group) => ({ ...group, inboxes: new Map([...group.inboxes].slice(1)) }),
  "forgets retained messages": (group) => ({ ...group, retained: new Map() }),
  "forgets subscriptions": (group) => ({ ...group, subscriptions: new Map() }),
  "forgets received identifiers": (group) => ({
    ...group,
    deliveryStates: new Map(
      [...group.deliveryStates].map(([number, state]) => [
        number,
        { ...state, inboundPacketIdentifiers: [] },
      ]),
    ),
  }),
  "forgets what was released": (group) => ({
    ...group,
    deliveryStates: new Map(
      [...group.deliveryStates].map(([number, state]) => [number, { ...state, released: [] }]),
    ),
  }),
  "forgets the end of sessions": (group) => ({
    ...group,
    sessions: new Map([...group.sessions].filter(([, record]) => record !== null)),
  }),
  "forgets sessions": (group) => ({
    ...group,
    sessions: new Map([...group.sessions].filter(([, record]) => record === null)),
  }),
  "forgets wills": (group) => ({ ...group, wills: new Map() }),
};

export const plantedDefects = ["acknowledges before it stores", ...Object.keys(forgetful)];

/** A store with one defect. @param {Store} store @param {string | undefined} defect @returns {Store} */
export function planted(store, defect) {
  if (defect === undefined || defect === "") return store;
  const change = forgetful[defect];
  if (change === undefined && defect !== plantedDefects[0]) throw new Error(`no defect "${defect}"`);
  let before = Promise.resolve();
  return {
    durability: store.durability,
    open: (visitor) => store.open(visitor),
    readInbox: async (...range) => {
      await before;
      return store.readInbox(...range);
    },
    commit: async (group) => {
      if (change !== undefined) return store.commit(change(group));
      // The broker uses the memory of a group again once its commit has settled.
      const kept = { ...group, bodies: Buffer.from(group.bodies), bodyEnds: group.bodyEnds.slice() };
      before = before
        .then(() => new Promise((resolve) => setTimeout(resolve, lateMs)))
        .then(() => store.commit(kept));
    },
    close: async () => {
      await before;
      await store.close();
    },
  };
}
