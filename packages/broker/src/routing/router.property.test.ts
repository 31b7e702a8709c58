import { matchTopic, parseSharedFilter, type QoS } from "@dunlin/protocol";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Route, RouteTarget } from "./route.ts";
import { Router } from "./router.ts";
import type { Subscription } from "./subscription.ts";
import type { Topic } from "./topic.ts";
import { TopicTable } from "./topic-table.ts";

interface Subscriber {
  readonly id: number;
}

type Step =
  | { readonly kind: "subscribe"; readonly subscriber: number; readonly subscription: Subscription }
  | { readonly kind: "unsubscribe"; readonly subscriber: number; readonly topicFilter: string }
  | { readonly kind: "publish"; readonly topicName: string };

const level = fc.constantFrom("", "a", "b", "$a");
const topicName = fc
  .array(level, { minLength: 1, maxLength: 4 })
  .map((levels) => levels.join("/"))
  .filter((name) => name !== "");
const plainFilter = fc
  .tuple(
    fc.array(fc.oneof({ weight: 3, arbitrary: level }, fc.constant("+")), { maxLength: 4 }),
    fc.boolean(),
  )
  .map(([levels, hash]) => [...levels, ...(hash ? ["#"] : [])].join("/"))
  .filter((filter) => filter !== "");
const topicFilter = fc
  .tuple(plainFilter, fc.constantFrom("", "", "", "$share/one/", "$share/two/"))
  .map(([filter, prefix]) => prefix + filter);
const subscription: fc.Arbitrary<Subscription> = fc.record({
  topicFilter,
  qos: fc.constantFrom<QoS>(0, 1, 2),
  noLocal: fc.boolean(),
  retainAsPublished: fc.boolean(),
  retainHandling: fc.constant(0 as const),
  subscriptionIdentifier: fc.integer({ min: 0, max: 3 }),
});
const subscriber = fc.integer({ min: 0, max: 2 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant("subscribe" as const), subscriber, subscription }),
  fc.record({ kind: fc.constant("unsubscribe" as const), subscriber, topicFilter }),
  fc.record({ kind: fc.constant("publish" as const), topicName }),
);

/** All subscriptions in a list, by subscriber and filter: what the router must agree with. */
class NaiveRouter {
  readonly #all = new Map<string, { subscriber: number; subscription: Subscription }>();

  get size(): number {
    return this.#all.size;
  }

  subscribe(subscriber: number, subscription: Subscription): Subscription | undefined {
    const key = `${subscriber} ${subscription.topicFilter}`;
    const previous = this.#all.get(key)?.subscription;
    this.#all.set(key, { subscriber, subscription });
    return previous;
  }

  unsubscribe(subscriber: number, topicFilter: string): Subscription | undefined {
    const key = `${subscriber} ${topicFilter}`;
    const previous = this.#all.get(key)?.subscription;
    this.#all.delete(key);
    return previous;
  }

  filters(): string[] {
    return [...this.#all.values()].map(({ subscription }) => subscription.topicFilter);
  }

  route(topicName: string) {
    const plain: Subscription[][] = [];
    const groups: Record<string, [number, QoS][]> = {};
    for (const { subscriber, subscription } of this.#all.values()) {
      const shared = parseSharedFilter(subscription.topicFilter);
      if (!matchTopic(shared?.topicFilter ?? subscription.topicFilter, topicName)) continue;
      if (shared === undefined) {
        plain[subscriber] ??= [];
        plain[subscriber].push(subscription);
      } else {
        groups[subscription.topicFilter] ??= [];
        groups[subscription.topicFilter]?.push([subscriber, subscription.qos]);
      }
    }
    const targets = plain.map((subscriptions) => ({
      ...merged(subscriptions),
      own: merged(subscriptions.filter(({ noLocal }) => !noLocal)),
    }));
    for (const members of Object.values(groups)) members.sort();
    return { targets: Object.fromEntries(Object.entries(targets)), groups };
  }
}

function merged(subscriptions: readonly Subscription[]) {
  if (subscriptions.length === 0) return null;
  const identifiers = subscriptions.map((one) => one.subscriptionIdentifier).filter((one) => one !== 0);
  return {
    qos: Math.max(...subscriptions.map((one) => one.qos)),
    retainAsPublished: subscriptions.some((one) => one.retainAsPublished),
    identifiers: identifiers.length === 0 ? undefined : identifiers.sort(),
  };
}

function describeTarget(target: RouteTarget<Subscriber> | null) {
  if (target === null) return null;
  const { qos, retainAsPublished, subscriptionIdentifiers: identifiers } = target;
  return { qos, retainAsPublished, identifiers: identifiers && [...identifiers].sort() };
}

function describeRoute(route: Route<Subscriber>) {
  const targets: Record<string, unknown> = {};
  for (const target of route.targets) {
    expect(targets[target.subscriber.id], "one target per subscriber").toBeUndefined();
    targets[target.subscriber.id] = { ...describeTarget(target), own: describeTarget(target.forOwn) };
  }
  const groups: Record<string, [number, QoS][]> = {};
  for (const group of route.groups) {
    const members = group.members.map(
      ({ subscriber, target }) => [subscriber.id, target.qos] as [number, QoS],
    );
    groups[`$share/${group.shareName}/${group.topicFilter}`] = members.sort();
  }
  return { targets, groups };
}

/** Runs the steps on both; after each one, every topic seen so far must have the route that the list gives. */
function compare(steps: readonly Step[], maximumCachedTopics: number, expectFineGrained: boolean): void {
  const limits = { maximumCachedTopics, maximumTopicLength: 65_535, maximumTopicLevels: 128 };
  const topics = new TopicTable<Subscriber>(limits);
  const router = new Router(topics);
  const naive = new NaiveRouter();
  const subscribers = [0, 1, 2].map((id) => ({ id }));
  const seen = new Map<string, Topic<Subscriber>>();
  for (const step of steps) {
    const before = new Map([...seen].map(([name, topic]) => [name, router.routeOf(topic)]));
    let changed: string | undefined;
    if (step.kind === "publish") {
      seen.set(step.topicName, seen.get(step.topicName) ?? topics.internName(step.topicName));
    } else if (step.kind === "subscribe") {
      changed = step.subscription.topicFilter;
      const expected = naive.subscribe(step.subscriber, step.subscription);
      expect(router.subscribe(subscribers[step.subscriber]!, step.subscription)).toBe(expected);
    } else {
      changed = step.topicFilter;
      const expected = naive.unsubscribe(step.subscriber, step.topicFilter);
      expect(router.unsubscribe(subscribers[step.subscriber]!, step.topicFilter)).toBe(expected);
    }
    for (const [name, topic] of seen) {
      const route = router.routeOf(topic);
      expect(describeRoute(route)).toEqual(naive.route(name));
      const filter = changed && (parseSharedFilter(changed)?.topicFilter ?? changed);
      if (expectFineGrained && !(filter && matchTopic(filter, name)) && before.has(name)) {
        expect(route, "the route of a topic that the change does not concern").toBe(before.get(name));
      }
    }
    expect(topics.size).toBeLessThanOrEqual(maximumCachedTopics);
    expect(topics.routes.size).toBeLessThanOrEqual(topics.size);
    expect(router.subscriptionCount).toBe(naive.size);
    expect(router.sharedGroupCount).toBe(
      new Set(naive.filters().filter((filter) => filter.startsWith("$share/"))).size,
    );
  }
}

test("equals a list of subscriptions, and changes no route that a subscription does not concern", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40, size: "max" }), (steps) => compare(steps, 1000, true)),
    { numRuns: 300 },
  );
});

test("equals a list of subscriptions while topics are evicted that are still in use", () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 40, size: "max" }),
      fc.integer({ min: 1, max: 4 }),
      (steps, maximum) => compare(steps, maximum, false),
    ),
    { numRuns: 300 },
  );
});
