import type { QoS } from "@dunlin/protocol";
import { describe, expect, test } from "vitest";
import { Router } from "./router.ts";
import type { Subscription } from "./subscription.ts";
import { TopicTable } from "./topic-table.ts";

interface Subscriber {
  readonly name: string;
}

const alice: Subscriber = { name: "alice" };
const bob: Subscriber = { name: "bob" };
const carol: Subscriber = { name: "carol" };

function subscription(topicFilter: string, options: Partial<Subscription> = {}): Subscription {
  const defaults = { qos: 0 as QoS, noLocal: false, retainAsPublished: false, retainHandling: 0 as const };
  return { topicFilter, subscriptionIdentifier: 0, ...defaults, ...options };
}

function setUp(maximumCachedTopics = 1000) {
  const limits = { maximumCachedTopics, maximumTopicLength: 65_535, maximumTopicLevels: 128 };
  const topics = new TopicTable<Subscriber>(limits);
  const router = new Router(topics);
  const routeOf = (name: string) => router.routeOf(topics.internName(name));
  return { topics, router, routeOf };
}

describe("Router", () => {
  test("returns the subscription that it replaces or removes, and counts what stands", () => {
    const { router } = setUp();
    for (const filter of ["a/b", "a/+", "$share/g/a/b"]) {
      const first = subscription(filter);
      const second = subscription(filter, { qos: 2 });
      expect(router.subscribe(alice, first)).toBeUndefined();
      expect(router.subscribe(bob, first)).toBeUndefined();
      expect(router.subscribe(alice, second)).toBe(first);
      expect(router.unsubscribe(carol, filter)).toBeUndefined();
      expect(router.subscriptionCount).toBe(2);
      expect(router.unsubscribe(alice, filter)).toBe(second);
      expect(router.unsubscribe(alice, filter)).toBeUndefined();
      expect(router.unsubscribe(bob, filter)).toBe(first);
      expect([router.subscriptionCount, router.sharedGroupCount]).toEqual([0, 0]);
    }
  });

  test("has no targets where nobody subscribes", () => {
    const { routeOf } = setUp();
    expect(routeOf("a").targets).toEqual([]);
    expect(routeOf("a").groups).toEqual([]);
  });

  test("gives a subscriber of overlapping filters one target [MQTT-3.3.4-2] [MQTT-3.3.4-4]", () => {
    const { router, routeOf } = setUp();
    router.subscribe(alice, subscription("a/b", { qos: 1, subscriptionIdentifier: 7 }));
    router.subscribe(alice, subscription("a/#", { qos: 2, subscriptionIdentifier: 7 }));
    router.subscribe(alice, subscription("+/b", { retainAsPublished: true }));
    router.subscribe(bob, subscription("#"));
    const [first, second] = [...routeOf("a/b").targets].sort((one, other) =>
      one.subscriber.name < other.subscriber.name ? -1 : 1,
    );
    expect(first).toMatchObject({ subscriber: alice, qos: 2, retainAsPublished: true });
    expect(first?.subscriptionIdentifiers).toEqual([7, 7]);
    expect(first?.forOwn).toBe(first);
    expect(second).toMatchObject({ subscriber: bob, qos: 0, retainAsPublished: false });
    expect(second?.subscriptionIdentifiers).toBeUndefined();
  });

  test("leaves subscriptions with No Local out of what a subscriber gets of its own [MQTT-3.8.3-3]", () => {
    const { router, routeOf } = setUp();
    const own = (name: string) => routeOf(name).targets[0]?.forOwn;
    router.subscribe(alice, subscription("a/b", { qos: 2, noLocal: true, subscriptionIdentifier: 1 }));
    expect(own("a/b")).toBeNull();
    router.subscribe(alice, subscription("a/+", { noLocal: true, subscriptionIdentifier: 2 }));
    expect(own("a/b")).toBeNull();
    router.subscribe(alice, subscription("a/#", { qos: 1, subscriptionIdentifier: 3 }));
    expect(own("a/b")).toMatchObject({ qos: 1, subscriptionIdentifiers: [3] });
    router.subscribe(alice, subscription("#", { qos: 0, subscriptionIdentifier: 4 }));
    expect(own("a/b")).toMatchObject({ qos: 1 });
    expect([...(own("a/b")?.subscriptionIdentifiers ?? [])].sort()).toEqual([3, 4]);
    expect(routeOf("a/b").targets[0]?.qos).toBe(2);
  });

  test("takes a shared subscription for another one than the plain one of the same filter", () => {
    const { router, routeOf } = setUp();
    router.subscribe(alice, subscription("a/+"));
    router.subscribe(alice, subscription("$share/one/a/+", { qos: 1, subscriptionIdentifier: 5 }));
    router.subscribe(bob, subscription("$share/one/a/+"));
    router.subscribe(bob, subscription("$share/two/a/+"));
    const { targets, groups } = routeOf("a/b");
    expect(targets.map((target) => target.subscriber)).toEqual([alice]);
    expect(groups.map((group) => [group.shareName, group.topicFilter])).toEqual([
      ["one", "a/+"],
      ["two", "a/+"],
    ]);
    expect(groups[0]?.members.map((member) => member.subscriber)).toEqual([alice, bob]);
    expect(groups[0]?.members[0]?.target).toMatchObject({ qos: 1, subscriptionIdentifiers: [5] });
    expect([router.subscriptionCount, router.sharedGroupCount]).toEqual([4, 2]);
  });

  test("keeps the route and the turn of a group while members come and go", () => {
    const { router, routeOf } = setUp();
    router.subscribe(alice, subscription("$share/g/a"));
    const route = routeOf("a");
    const group = route.groups[0]!;
    group.next = 5;
    router.subscribe(bob, subscription("$share/g/a"));
    router.subscribe(carol, subscription("$share/g/a"));
    router.unsubscribe(alice, "$share/g/a");
    expect(routeOf("a")).toBe(route);
    expect(group.members.map((member) => member.subscriber)).toEqual([carol, bob]);
    expect(group.next).toBe(5);
    router.unsubscribe(carol, "$share/g/a");
    router.unsubscribe(bob, "$share/g/a");
    expect(routeOf("a").groups).toEqual([]);
  });

  test.each(["a/b", "a/+", "a/#", "$share/g/a/b"])(
    "a change of %s leaves the other routes as they are",
    (filter) => {
      const { topics, router, routeOf } = setUp();
      for (const base of ["a/b", "+/c", "#"]) router.subscribe(alice, subscription(base));
      const others = ["b", "b/c", "b/b", "ab/b", "$a/b"];
      const routes = others.map(routeOf);
      const before = routeOf("a/b");
      for (let round = 0; round < 1000; round++) {
        router.subscribe(bob, subscription(filter));
        expect(topics.internName("a/b").route).toBeUndefined();
        expect(routeOf("a/b")).not.toBe(before);
        router.unsubscribe(bob, filter);
        expect(topics.internName("a/b").route).toBeUndefined();
        routeOf("a/b");
      }
      expect(others.map((name) => topics.internName(name).route)).toEqual(routes);
      others.forEach((name, index) => {
        expect(routeOf(name)).toBe(routes[index]);
      });
    },
  );

  test("topics that one filter alone matches share its route", () => {
    const { router, routeOf } = setUp();
    router.subscribe(alice, subscription("device/+/speed"));
    expect(routeOf("device/1/speed")).toBe(routeOf("device/2/speed"));
  });

  test("a topic that has been evicted is routed as its name is", () => {
    const { topics, router, routeOf } = setUp(2);
    router.subscribe(alice, subscription("a"));
    const held = topics.internName("a");
    expect(router.routeOf(held).targets.length).toBe(1);
    for (const name of ["b", "c", "d"]) routeOf(name);
    expect(held.interned).toBe(false);
    expect(router.routeOf(held).targets.length).toBe(1);
    router.subscribe(bob, subscription("a"));
    expect(router.routeOf(held).targets.length).toBe(2);
    expect(held.route).toBeUndefined();
    router.unsubscribe(alice, "a");
    router.unsubscribe(bob, "a");
    expect(router.routeOf(held).targets).toEqual([]);
  });

  test("forgets all routes rather than hold too many targets", () => {
    const { topics, router, routeOf } = setUp(100);
    for (let index = 0; index < 100; index++) {
      const subscriber = { name: `${index}` };
      router.subscribe(subscriber, subscription("#"));
      router.subscribe(subscriber, subscription("+/b"));
    }
    for (let index = 0; index < 50; index++) expect(routeOf(`${index}/b`).targets.length).toBe(100);
    expect(topics.size).toBe(50);
    expect(topics.routes.size).toBeLessThanOrEqual(16);
  });

  test("forgets all routes rather than search them for ever", () => {
    const { topics, router, routeOf } = setUp(2000);
    router.subscribe(alice, subscription("device/#"));
    for (let index = 0; index < 2000; index++) routeOf(`device/${index}/speed`);
    router.subscribe(bob, subscription("+/+/weight"));
    expect(topics.routes.size).toBe(2000);
    for (let round = 0; round < 50; round++) router.subscribe(bob, subscription("+/+/weight"));
    expect(topics.routes.size).toBe(0);
    expect(routeOf("device/7/speed").targets.map((target) => target.subscriber)).toEqual([alice]);
    expect(routeOf("device/7/weight").targets.length).toBe(2);
  });
});
