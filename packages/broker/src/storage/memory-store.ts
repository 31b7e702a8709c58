import { BrokerError } from "../errors.ts";
import type {
  CommitGroup,
  InboxMessage,
  RecoverySummary,
  RecoveryVisitor,
  SessionRecord,
  Store,
  SubscriptionRecord,
  WillRecord,
} from "../ports/store.ts";
import { type HeldBody, type InboxMemory, MemoryInbox } from "./memory-inbox.ts";

interface MemorySession {
  record: SessionRecord;
  readonly subscriptions: Map<string, SubscriptionRecord>;
  readonly inbox: MemoryInbox;
  will: WillRecord | undefined;
}

/**
 * A store that lives as long as the object: what it holds survives `close` and `open` of the same instance, so
 * that a broker can be restarted on it in tests, and nothing else.
 */
class MemoryStore implements Store, InboxMemory {
  readonly durability = "memory";
  heldBytes = 0;
  readonly #sessions = new Map<number, MemorySession>();
  readonly #retained = new Map<string, Uint8Array>();
  #nextSessionNumber = 1;
  #lastAliveAtMs = 0;
  #status: "closed" | "open" = "closed";

  async open(visitor: RecoveryVisitor): Promise<RecoverySummary> {
    this.#status = "open";
    for (const { record, subscriptions, inbox, will } of this.#sessions.values()) {
      visitor.session({
        record,
        subscriptions: [...subscriptions.values()],
        state: inbox.state,
        nextSequence: inbox.nextSequence,
        queuedMessages: inbox.queuedMessages,
        queuedBytes: inbox.queuedBytes,
        will,
      });
    }
    for (const [topicName, body] of this.#retained) visitor.retained(topicName, body);
    return {
      nextSessionNumber: this.#nextSessionNumber,
      lastAliveAtMs: this.#lastAliveAtMs,
      quarantined: [],
    };
  }

  async commit(group: CommitGroup): Promise<void> {
    this.#requireOpen();
    this.#lastAliveAtMs = group.atMs;
    this.#applySessions(group);
    this.#applySubscriptions(group);
    this.#applyInboxes(group);
    for (const [sessionNumber, state] of group.deliveryStates) {
      this.#sessions.get(sessionNumber)?.inbox.advance(state);
    }
    for (const [topicName, body] of group.retained) {
      if (body === null) this.#retained.delete(topicName);
      // Not `slice`, which makes a view of a Buffer.
      else this.#retained.set(topicName, new Uint8Array(body));
    }
    for (const [sessionNumber, will] of group.wills) {
      const session = this.#sessions.get(sessionNumber);
      if (session) session.will = will === null ? undefined : { ...will, body: new Uint8Array(will.body) };
    }
  }

  async readInbox(
    sessionNumber: number,
    fromSequence: number,
    maximumMessages: number,
    maximumBytes: number,
  ): Promise<readonly InboxMessage[]> {
    this.#requireOpen();
    return this.#sessions.get(sessionNumber)?.inbox.read(fromSequence, maximumMessages, maximumBytes) ?? [];
  }

  async close(): Promise<void> {
    this.#status = "closed";
  }

  #requireOpen(): void {
    if (this.#status === "closed") {
      throw new BrokerError("DUNLIN_STORE", "The memory store is not open: call open() first");
    }
  }

  #applySessions(group: CommitGroup): void {
    for (const [sessionNumber, record] of group.sessions) {
      this.#nextSessionNumber = Math.max(this.#nextSessionNumber, sessionNumber + 1);
      const session = this.#sessions.get(sessionNumber);
      if (record === null) {
        session?.inbox.clear();
        this.#sessions.delete(sessionNumber);
      } else if (session === undefined) {
        const inbox = new MemoryInbox(this);
        this.#sessions.set(sessionNumber, { record, subscriptions: new Map(), inbox, will: undefined });
      } else {
        session.record = record;
      }
    }
  }

  #applySubscriptions(group: CommitGroup): void {
    for (const [sessionNumber, changes] of group.subscriptions) {
      const subscriptions = this.#sessions.get(sessionNumber)?.subscriptions;
      for (const [topicFilter, subscription] of changes) {
        if (subscription === null) subscriptions?.delete(topicFilter);
        else subscriptions?.set(topicFilter, subscription);
      }
    }
  }

  #applyInboxes(group: CommitGroup): void {
    // Each body is copied alone, once for all inboxes: one message that waits for long must not keep a whole group alive.
    const copies: HeldBody[] = [];
    const bodyAt = (index: number): HeldBody => {
      const body = group.bodies.subarray(group.bodyEnds[index - 1] ?? 0, group.bodyEnds[index]);
      const copy = copies[index] ?? { bytes: new Uint8Array(body), inboxes: 0 };
      copies[index] = copy;
      return copy;
    };
    for (const [sessionNumber, added] of group.inboxes) {
      this.#sessions.get(sessionNumber)?.inbox.append(added, bodyAt);
    }
  }
}

/** Keeps everything in memory: durability "memory". */
export function createMemoryStore(): Store {
  return new MemoryStore();
}
