import type { MessageRecord } from "./message-record.ts";
import type { SessionModel } from "./session-model.ts";

/** Each with its epoch: where one of them is no more what it was, the message may have ended with it. */
type Members = ReadonlyMap<SessionModel, number>;

/** Members of shared subscriptions, by Topic Filter, where at least one of them has to get a message. */
type Groups = ReadonlyMap<string, Members>;

interface SharedDebt {
  readonly message: MessageRecord;
  readonly topicFilter: string;
  readonly members: Members;
}

/** What shared subscriptions are owed: nobody outside knows which member it will be. */
export class SharedDebts {
  #debts: SharedDebt[] = [];
  /** By Topic Filter: the last time that anyone came or went. */
  readonly #changedAt = new Map<string, number>();
  readonly #groups = new Map<MessageRecord, Groups>();

  membersChange(topicFilter: string, at: number): void {
    this.#changedAt.set(topicFilter, at);
  }

  publish(message: MessageRecord, sessions: Iterable<SessionModel>): void {
    const groups = new Map<string, Map<SessionModel, number>>();
    const unsure = new Set<string>();
    for (const session of sessions) {
      for (const span of session.spans) {
        if (!span.isShared || span.endedAt !== undefined || !span.matches(message.published.topicName))
          continue;
        const members = groups.get(span.name) ?? new Map<SessionModel, number>();
        members.set(session, session.epoch);
        groups.set(span.name, members);
        // Any of them may be chosen, also one that is just coming or leaving.
        if (!span.isSure || span.qos === 0) unsure.add(span.name);
      }
    }
    for (const topicFilter of unsure) groups.delete(topicFilter);
    if (groups.size > 0) this.#groups.set(message, groups);
  }

  acknowledge(message: MessageRecord, isThere: (session: SessionModel) => boolean): void {
    const groups = this.#groups.get(message);
    if (groups === undefined) return;
    this.#groups.delete(message);
    for (const [topicFilter, members] of groups) {
      if ((this.#changedAt.get(topicFilter) ?? -1) > message.publishedAt) continue;
      const isWhole = [...members].every(([session, epoch]) => session.epoch === epoch && isThere(session));
      const hasCome = [...members.keys()].some(({ received }) => received.has(message.published.id));
      if (isWhole && !hasCome) this.#debts.push({ message, topicFilter, members });
    }
  }

  receive(message: MessageRecord, session: SessionModel): void {
    this.#debts = this.#debts.filter((debt) => debt.message !== message || !debt.members.has(session));
  }

  /** What is owed still; where a member is no more what it was, nothing is. */
  *settle(isConnected: (session: SessionModel) => boolean): Generator<string> {
    const debts = this.#debts;
    this.#debts = [];
    for (const { message, topicFilter, members } of debts) {
      const isWhole = [...members].every(
        ([session, epoch]) => session.epoch === epoch && isConnected(session),
      );
      if (isWhole) yield `${message.published.id} has come to nobody of ${topicFilter}`;
    }
  }
}
