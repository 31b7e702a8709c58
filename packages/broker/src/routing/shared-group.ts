import { type RouteTarget, targetOf } from "./route.ts";
import type { Subscription } from "./subscription.ts";

export interface SharedMember<S extends object> {
  readonly subscriber: S;
  readonly subscription: Subscription;
  /** What the member gets when it is its turn. */
  readonly target: RouteTarget<S>;
}

/** The sessions that share the messages of one Topic Filter under one ShareName [MQTT 5.0, 4.8.2]. */
export class SharedGroup<S extends object> {
  readonly shareName: string;
  /** Without `$share/{ShareName}/`. */
  readonly topicFilter: string;
  /** Delivery moves it on: whose turn it is, modulo the number of members. */
  next = 0;
  readonly #members: SharedMember<S>[] = [];
  readonly #indexes = new Map<S, number>();

  constructor(shareName: string, topicFilter: string) {
    this.shareName = shareName;
    this.topicFilter = topicFilter;
  }

  /** Their order changes where one leaves. */
  get members(): readonly SharedMember<S>[] {
    return this.#members;
  }

  /** Adds or replaces; returns the subscription that stood there before. */
  set(subscriber: S, subscription: Subscription): Subscription | undefined {
    const member = { subscriber, subscription, target: targetOf(subscriber, subscription) };
    const index = this.#indexes.get(subscriber);
    if (index !== undefined) {
      const previous = this.#members[index]?.subscription;
      this.#members[index] = member;
      return previous;
    }
    this.#indexes.set(subscriber, this.#members.length);
    this.#members.push(member);
    return undefined;
  }

  /** Returns the subscription that stood there. */
  delete(subscriber: S): Subscription | undefined {
    const index = this.#indexes.get(subscriber);
    if (index === undefined) return undefined;
    const member = this.#members[index];
    const last = this.#members.pop();
    this.#indexes.delete(subscriber);
    if (last !== undefined && last !== member) {
      this.#members[index] = last;
      this.#indexes.set(last.subscriber, index);
    }
    return member?.subscription;
  }
}
