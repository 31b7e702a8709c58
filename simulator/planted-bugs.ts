import type { Clock, CommitGroup, InboxMessage, Store } from "@dunlin/broker";
import type { ViolatedRule } from "@dunlin/test-kit";
import { Connection } from "../packages/broker/src/connection/connection.ts";
import { InflightWindow } from "../packages/broker/src/session/inflight-window.ts";
import { copyOfGroup } from "./simulated-disk.ts";

/** A defect that brokers have had, put into this one from outside: to prove that it would be noticed. */
export interface PlantedBug {
  readonly name: string;
  /** What it violates. */
  readonly rule: ViolatedRule;
  readonly wrapStore?: (store: Store, clock: Clock) => Store;
  /** Changes the broker's classes; the result puts them back. */
  readonly patch?: () => () => void;
}

const WRITTEN_LATER_MS = 40;

/** Calls everything of `store` but what `changes` has. */
function changed(store: Store, changes: Partial<Store>): Store {
  return {
    durability: store.durability,
    open: (visitor) => store.open(visitor),
    commit: (group) => store.commit(group),
    readInbox: (...range) => store.readInbox(...range),
    close: () => store.close(),
    ...changes,
  };
}

function acknowledgesBeforeStoring(store: Store, clock: Clock): Store {
  let last: Promise<void> = Promise.resolve();
  const commit = async (group: CommitGroup): Promise<void> => {
    const copy = copyOfGroup(group);
    last = last
      .then(() => new Promise<void>((resolve) => clock.after(WRITTEN_LATER_MS, resolve)))
      .then(() => store.commit(copy))
      .catch(() => {});
  };
  const close = async (): Promise<void> => {
    await last;
    await store.close();
  };
  return changed(store, { commit, close });
}

/** What came with QoS 2 and is not released is not known any more after a restart. */
function forgetsReceivedIdentifiers(store: Store): Store {
  const open: Store["open"] = (visitor) =>
    store.open({
      retained: (...message) => visitor.retained(...message),
      session: (session) => {
        const state = { ...session.state, inboundPacketIdentifiers: [] };
        visitor.session({ ...session, state });
      },
    });
  return changed(store, { open });
}

/** What is read again comes with the last message first. */
function reordersTheQueue(store: Store): Store {
  const readInbox = async (...range: Parameters<Store["readInbox"]>): Promise<readonly InboxMessage[]> => {
    const page = await store.readInbox(...range);
    const bodies = page.map(({ body }) => body).reverse();
    return page.map((message, index) => ({ ...message, body: bodies[index] ?? message.body }));
  };
  return changed(store, { readInbox });
}

function losesRetainedClears(store: Store): Store {
  const commit = (group: CommitGroup): Promise<void> => {
    const retained = new Map([...group.retained].filter(([, body]) => body !== null));
    return store.commit({ ...group, retained });
  };
  return changed(store, { commit });
}

/** As if nobody had asked whether a Packet Identifier is free: three go round. */
function reusesPacketIdentifiers(): () => void {
  const identifiers = 3;
  const before = Object.getOwnPropertyDescriptors(InflightWindow.prototype);
  const { send, sendReleased, acknowledge, release, complete } = InflightWindow.prototype;
  const short = (identifier: number): number => ((identifier - 1) % identifiers) + 1;
  const firstFor = <Result>(
    window: InflightWindow,
    identifier: number,
    call: (real: number) => Result,
    isNone: (result: Result) => boolean,
  ): Result => {
    for (let sequence = window.first; sequence < window.next; sequence++) {
      if (short(sequence + 1) !== identifier) continue;
      const result = call(sequence + 1);
      if (!isNone(result)) return result;
    }
    return call(0);
  };
  Object.assign(InflightWindow.prototype, {
    send(this: InflightWindow, qos: number, bytes: number) {
      return short(send.call(this, qos, bytes));
    },
    sendReleased(this: InflightWindow) {
      return short(sendReleased.call(this));
    },
    acknowledge(this: InflightWindow, identifier: number) {
      return firstFor(
        this,
        identifier,
        (real) => acknowledge.call(this, real),
        (found) => found < 0,
      );
    },
    release(this: InflightWindow, identifier: number) {
      return firstFor(
        this,
        identifier,
        (real) => release.call(this, real),
        (found) => !found,
      );
    },
    complete(this: InflightWindow, identifier: number) {
      return firstFor(
        this,
        identifier,
        (real) => complete.call(this, real),
        (found) => found < 0,
      );
    },
  });
  return () => void Object.defineProperties(InflightWindow.prototype, before);
}

function losesWillsOnTakeOver(): () => void {
  const { takenOver } = Connection.prototype;
  Connection.prototype.takenOver = function (this: Connection) {
    this.session.will = undefined;
    takenOver.call(this);
  };
  return () => {
    Connection.prototype.takenOver = takenOver;
  };
}

export const plantedBugs: readonly PlantedBug[] = [
  { name: "acknowledge before store", rule: "lost message", wrapStore: acknowledgesBeforeStoring },
  {
    name: "Packet Identifier reused while in flight",
    rule: "Packet Identifier in use",
    patch: reusesPacketIdentifiers,
  },
  {
    name: "QoS 2 duplicate after restart",
    rule: "QoS 2 message twice",
    wrapStore: forgetsReceivedIdentifiers,
  },
  { name: "lost will on take-over", rule: "lost message", patch: losesWillsOnTakeOver },
  { name: "queue reordered on redelivery", rule: "redelivery out of order", wrapStore: reordersTheQueue },
  {
    name: "cleared retained message comes back",
    rule: "wrong retained message",
    wrapStore: losesRetainedClears,
  },
];
