import type { MessageRecord } from "./message-record.ts";

/** What may be retained for one topic. */
class RetainedTopic {
  /** Not replaced for certain, in the order of publication; those that clear are among them. */
  candidates: MessageRecord[] = [];
  /** Whether there may be none because none was there at first, or because the store has forgotten. */
  mayBeEmpty = true;
  /** Where the store may have gone back to any earlier state: what was published before may be there. */
  unsureSince: number | undefined;
  readonly known = new Map<string, MessageRecord>();

  publish(message: MessageRecord): void {
    this.candidates.push(message);
    if (!message.published.clears) this.known.set(message.published.id, message);
  }

  acknowledge(message: MessageRecord, at: number): void {
    const isOlder = (each: MessageRecord): boolean =>
      each !== message && each.acknowledgedAt !== undefined && each.acknowledgedAt < message.publishedAt;
    // A will that is owed may come later.
    if (message.published.will !== true) {
      for (const each of this.candidates) if (isOlder(each)) each.replacedAt = at;
    }
    this.candidates = this.candidates.filter((each) => !isOlder(each));
    this.mayBeEmpty = false;
    if (this.unsureSince !== undefined && message.publishedAt > this.unsureSince)
      this.unsureSince = undefined;
  }

  becomeOlder(at: number): void {
    this.unsureSince = at;
    for (const message of this.known.values()) message.replacedAt = undefined;
  }

  /** Says what is wrong with `id`, undefined: with there being none. */
  problem(id: string | undefined): string | undefined {
    if (id === undefined) {
      const mayBeNone =
        this.mayBeEmpty ||
        this.unsureSince !== undefined ||
        this.candidates.some(({ published: { clears, mayExpire } }) => clears || mayExpire === true);
      return mayBeNone ? undefined : `is gone: it should be ${this.#names()}`;
    }
    if (this.candidates.some(({ published }) => published.id === id && !published.clears)) return undefined;
    if (this.unsureSince !== undefined && this.known.has(id)) return undefined;
    return `is ${id}: it should be ${this.#names()}`;
  }

  #names(): string {
    const names = this.candidates.map(({ published: { clears, id } }) => (clears ? `none (${id})` : id));
    return names.length === 0 ? "none" : names.join(" or ");
  }
}

/** The retained messages, as far as one can know from outside. */
export class RetainedModel {
  readonly #topics = new Map<string, RetainedTopic>();

  publish(message: MessageRecord): void {
    const { topicName } = message.published;
    let topic = this.#topics.get(topicName);
    if (topic === undefined) {
      topic = new RetainedTopic();
      this.#topics.set(topicName, topic);
    }
    topic.publish(message);
  }

  acknowledge(message: MessageRecord, at: number): void {
    this.#topics.get(message.published.topicName)?.acknowledge(message, at);
  }

  crash(survives: "some" | "none", at: number): void {
    for (const topic of this.#topics.values()) {
      topic.mayBeEmpty = true;
      if (survives === "some") topic.becomeOlder(at);
      // What has not been acknowledged may yet be sent again.
      else topic.candidates = topic.candidates.filter(({ acknowledgedAt }) => acknowledgedAt === undefined);
    }
  }

  *problems(messages: ReadonlyMap<string, string>): Generator<string> {
    for (const [topicName, topic] of this.#topics) {
      const problem = topic.problem(messages.get(topicName));
      if (problem !== undefined) yield `the retained message of ${topicName} ${problem}`;
    }
    for (const [topicName, id] of messages) {
      if (!this.#topics.has(topicName)) yield `${id} is retained for ${topicName}, where none was published`;
    }
  }
}
