import type {
  CommitGroup,
  DeliveryState,
  InboxMessage,
  SessionRecord,
  SubscriptionRecord,
  WillRecord,
} from "@dunlin/broker";
import { deliveryState } from "@dunlin/test-kit";

export interface NaiveSession {
  record: SessionRecord;
  subscriptions: Map<string, SubscriptionRecord>;
  messages: InboxMessage[];
  state: DeliveryState;
  nextSequence: number;
  will: WillRecord | undefined;
}

/** The Store port in the plainest terms: what is stored is what was said last. */
export class NaiveStore {
  readonly sessions: Map<number, NaiveSession> = new Map();
  readonly retained: Map<string, string> = new Map();
  nextSessionNumber = 1;
  lastAliveAtMs = 0;

  commit(group: CommitGroup): void {
    this.lastAliveAtMs = group.atMs;
    for (const [number, record] of group.sessions) {
      this.nextSessionNumber = Math.max(this.nextSessionNumber, number + 1);
      const session = this.sessions.get(number);
      if (record === null) this.sessions.delete(number);
      else if (session) session.record = record;
      else this.sessions.set(number, newSession(record));
    }
    for (const [number, session] of this.sessions) {
      for (const [filter, subscription] of group.subscriptions.get(number) ?? []) {
        session.subscriptions.delete(filter);
        if (subscription) session.subscriptions.set(filter, subscription);
      }
      this.#commitMessages(group, number, session);
      const will = group.wills.get(number);
      if (will !== undefined) session.will = will ?? undefined;
    }
    for (const [topic, body] of group.retained) {
      this.retained.delete(topic);
      if (body) this.retained.set(topic, Buffer.from(body).toString());
    }
  }

  read(number: number, from: number, maximumMessages: number, maximumBytes: number): InboxMessage[] {
    const found: InboxMessage[] = [];
    let bytes = 0;
    for (const message of this.sessions.get(number)?.messages ?? []) {
      if (message.sequence < from) continue;
      if (found.length === maximumMessages || (found.length > 0 && bytes >= maximumBytes)) break;
      found.push(message);
      bytes += message.body.length;
    }
    return found;
  }

  #commitMessages(group: CommitGroup, number: number, session: NaiveSession): void {
    const added = group.inboxes.get(number);
    for (const [index, reference] of (added?.references ?? []).entries()) {
      const { body, flags, subscriptionIdentifiers } = reference;
      const sequence = added!.firstSequence + index;
      const bytes = group.bodies.slice(group.bodyEnds[body - 1] ?? 0, group.bodyEnds[body]);
      session.messages.push({ sequence, flags, subscriptionIdentifiers, body: bytes });
      session.nextSequence = sequence + 1;
    }
    session.state = group.deliveryStates.get(number) ?? session.state;
    const { firstUnacknowledged, acknowledged } = session.state;
    session.messages = session.messages.filter(
      ({ sequence }) => sequence >= firstUnacknowledged && !acknowledged.includes(sequence),
    );
  }
}

function newSession(record: SessionRecord): NaiveSession {
  return {
    record,
    subscriptions: new Map(),
    messages: [],
    state: deliveryState({}),
    nextSequence: 0,
    will: undefined,
  };
}
