import { parseSharedFilter } from "@dunlin/protocol";
import { FilterSubscriptions, mergeRoute } from "./filter-subscriptions.ts";
import { FilterTree } from "./filter-tree.ts";
import { Route } from "./route.ts";
import { SharedGroup } from "./shared-group.ts";
import type { Subscription } from "./subscription.ts";
import type { Topic } from "./topic.ts";
import type { TopicTable } from "./topic-table.ts";

/** Who subscribes to what. Knows nothing of subscribers but that they are objects. */
export class Router<S extends object> {
  readonly #topics: TopicTable<S>;
  readonly #filters = new FilterTree<FilterSubscriptions<S>>();
  /** The route of topics that nobody subscribes to. */
  readonly #nowhere = new Route<S>([], []);
  #subscriptionCount = 0;
  #sharedGroupCount = 0;

  constructor(topics: TopicTable<S>) {
    this.#topics = topics;
  }

  /** Shared Subscriptions among them. */
  get subscriptionCount(): number {
    return this.#subscriptionCount;
  }

  get sharedGroupCount(): number {
    return this.#sharedGroupCount;
  }

  /** Who gets what is published to a topic; cached there until a matching subscription changes. */
  routeOf(topic: Topic<S>): Route<S> {
    return topic.route ?? this.#makeRoute(topic);
  }

  /** Adds or replaces; returns the subscription that stood there before. The filter is known to be valid. */
  subscribe(subscriber: S, subscription: Subscription): Subscription | undefined {
    const shared = parseSharedFilter(subscription.topicFilter);
    const previous =
      shared === undefined
        ? this.#subscribe(subscriber, subscription)
        : this.#join(shared.shareName, shared.topicFilter, subscriber, subscription);
    if (previous === undefined) this.#subscriptionCount++;
    return previous;
  }

  /** Returns the subscription that stood there. */
  unsubscribe(subscriber: S, topicFilter: string): Subscription | undefined {
    const shared = parseSharedFilter(topicFilter);
    const previous =
      shared === undefined
        ? this.#unsubscribe(subscriber, topicFilter)
        : this.#leave(shared.shareName, shared.topicFilter, subscriber);
    if (previous !== undefined) this.#subscriptionCount--;
    return previous;
  }

  #subscribe(subscriber: S, subscription: Subscription): Subscription | undefined {
    const { topicFilter } = subscription;
    const previous = this.#at(topicFilter).set(subscriber, subscription);
    this.#topics.routes.drop(topicFilter);
    return previous;
  }

  #unsubscribe(subscriber: S, topicFilter: string): Subscription | undefined {
    const subscriptions = this.#filters.get(topicFilter);
    const previous = subscriptions?.delete(subscriber);
    if (previous === undefined) return undefined;
    if (subscriptions?.isEmpty) this.#filters.delete(topicFilter);
    this.#topics.routes.drop(topicFilter);
    return previous;
  }

  /** Routes hold the group itself: they change only where a group begins or ends. */
  #join(
    shareName: string,
    topicFilter: string,
    subscriber: S,
    subscription: Subscription,
  ): Subscription | undefined {
    const subscriptions = this.#at(topicFilter);
    let group = subscriptions.group(shareName);
    if (group === undefined) {
      group = new SharedGroup(shareName, topicFilter);
      subscriptions.addGroup(group);
      this.#sharedGroupCount++;
      this.#topics.routes.drop(topicFilter);
    }
    return group.set(subscriber, subscription);
  }

  #leave(shareName: string, topicFilter: string, subscriber: S): Subscription | undefined {
    const subscriptions = this.#filters.get(topicFilter);
    const group = subscriptions?.group(shareName);
    const previous = group?.delete(subscriber);
    if (subscriptions === undefined || group === undefined || group.members.length > 0) return previous;
    subscriptions.deleteGroup(shareName);
    this.#sharedGroupCount--;
    if (subscriptions.isEmpty) this.#filters.delete(topicFilter);
    this.#topics.routes.drop(topicFilter);
    return previous;
  }

  #at(topicFilter: string): FilterSubscriptions<S> {
    let subscriptions = this.#filters.get(topicFilter);
    if (subscriptions === undefined) {
      subscriptions = new FilterSubscriptions();
      this.#filters.set(topicFilter, subscriptions);
    }
    return subscriptions;
  }

  #makeRoute(topic: Topic<S>): Route<S> {
    // An evicted topic is not told of changes, so that only the one in its place may hold a route.
    const current = topic.interned ? topic : this.#topics.internAccepted(topic.bytes, 0, topic.bytes.length);
    if (current.route !== undefined) return current.route;
    const matching: FilterSubscriptions<S>[] = [];
    this.#filters.match(current.name, (subscriptions) => matching.push(subscriptions));
    if (matching.length <= 1) {
      const route = matching[0]?.route ?? this.#nowhere;
      this.#topics.routes.keep(current, route, 0);
      return route;
    }
    const route = mergeRoute(matching);
    this.#topics.routes.keep(current, route, route.weight);
    return route;
  }
}
