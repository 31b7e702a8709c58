import { mergeTargets, Route, type RouteTarget, targetOf } from "./route.ts";
import type { SharedGroup } from "./shared-group.ts";
import type { Subscription } from "./subscription.ts";

/** All subscriptions with one Topic Filter, and all groups that share it. */
export class FilterSubscriptions<S extends object> {
  /** A Map costs more than all the rest, and most filters have one subscriber: undefined until there are two. */
  #targets: Map<S, RouteTarget<S>> | undefined = undefined;
  #only: RouteTarget<S> | undefined = undefined;
  #groups: Map<string, SharedGroup<S>> | undefined = undefined;
  /** The route of the topics that this filter alone matches. */
  #route: Route<S> | undefined = undefined;

  get isEmpty(): boolean {
    return this.#only === undefined && this.#targets === undefined && this.#groups === undefined;
  }

  get route(): Route<S> {
    this.#route ??= new Route([...this.targets()], [...this.groups()]);
    return this.#route;
  }

  targets(): Iterable<RouteTarget<S>> {
    if (this.#targets !== undefined) return this.#targets.values();
    return this.#only === undefined ? [] : [this.#only];
  }

  groups(): Iterable<SharedGroup<S>> {
    return this.#groups?.values() ?? [];
  }

  /** Adds or replaces; returns the subscription that stood there before. */
  set(subscriber: S, subscription: Subscription): Subscription | undefined {
    this.#route = undefined;
    const target = targetOf(subscriber, subscription);
    const only = this.#only;
    if (this.#targets === undefined && (only === undefined || only.subscriber === subscriber)) {
      this.#only = target;
      return only?.subscription;
    }
    this.#targets ??= new Map([[only!.subscriber, only!]]);
    this.#only = undefined;
    const previous = this.#targets.get(subscriber);
    this.#targets.set(subscriber, target);
    return previous?.subscription;
  }

  /** Returns the subscription that stood there. */
  delete(subscriber: S): Subscription | undefined {
    const only = this.#only;
    const previous = only?.subscriber === subscriber ? only : this.#targets?.get(subscriber);
    if (previous === undefined) return undefined;
    this.#route = undefined;
    this.#only = undefined;
    this.#targets?.delete(subscriber);
    if (this.#targets?.size === 0) this.#targets = undefined;
    return previous.subscription;
  }

  group(shareName: string): SharedGroup<S> | undefined {
    return this.#groups?.get(shareName);
  }

  addGroup(group: SharedGroup<S>): void {
    this.#route = undefined;
    this.#groups ??= new Map();
    this.#groups.set(group.shareName, group);
  }

  deleteGroup(shareName: string): void {
    this.#route = undefined;
    this.#groups?.delete(shareName);
    if (this.#groups?.size === 0) this.#groups = undefined;
  }
}

/** The route of a topic that several filters match. */
export function mergeRoute<S extends object>(filters: readonly FilterSubscriptions<S>[]): Route<S> {
  const bySubscriber = new Map<S, RouteTarget<S>>();
  const overlapping = new Map<S, RouteTarget<S>[]>();
  const groups: SharedGroup<S>[] = [];
  for (const filter of filters) {
    for (const target of filter.targets()) {
      const { subscriber } = target;
      const first = bySubscriber.get(subscriber);
      if (first === undefined) {
        bySubscriber.set(subscriber, target);
        continue;
      }
      const all = overlapping.get(subscriber);
      if (all === undefined) overlapping.set(subscriber, [first, target]);
      else all.push(target);
    }
    for (const group of filter.groups()) groups.push(group);
  }
  for (const [subscriber, targets] of overlapping) bySubscriber.set(subscriber, mergeTargets(targets));
  return new Route([...bySubscriber.values()], groups);
}
