/** From a topic to its route. Run: npx tsx --conditions=x-source benchmarks/micro/routing.ts */
import { bench, do_not_optimize, run } from "mitata";
import { createRouter, type Subscriber, subscriptionTo } from "./broker-routing.ts";

const DEVICES = 10_000;

/** 10,000 filters, 30 % of them with wildcards. */
function tenThousandFilters() {
  const { topics, router } = createRouter();
  for (let device = 0; device < DEVICES; device++) {
    const subscriber: Subscriber = { clientId: `client-${device}` };
    const filter =
      device % 10 < 7
        ? `site/${device}/speed`
        : device % 10 < 9
          ? `site/${device - 1}/+`
          : `site/${device - 2}/#`;
    router.subscribe(subscriber, subscriptionTo(filter));
  }
  const all = Array.from({ length: DEVICES }, (_, device) => topics.internName(`site/${device}/speed`));
  return { topics, router, all };
}

{
  const { topics, router, all } = tenThousandFilters();
  let next = 0;
  bench("route, cached", () => {
    next = (next + 1) % DEVICES;
    do_not_optimize(router.routeOf(all[next]!));
  });
  bench("route, made anew: 10,000 filters, 30 % wildcards", () => {
    next = (next + 1) % DEVICES;
    topics.routes.forget(all[next]!);
    do_not_optimize(router.routeOf(all[next]!));
  });
}

{
  const { router, all } = tenThousandFilters();
  for (const topic of all) router.routeOf(topic);
  const subscriber: Subscriber = { clientId: "other" };
  for (const filter of ["site/77/speed", "site/77/+", "site/77/#"]) {
    bench(`subscribe and unsubscribe ${filter}, 10,000 cached routes`, () => {
      router.subscribe(subscriber, subscriptionTo(filter));
      router.unsubscribe(subscriber, filter);
    });
  }
}

{
  const { topics, router } = createRouter();
  const all = Array.from({ length: 65_536 }, (_, device) => topics.internName(`site/${device}/speed`));
  const subscriber: Subscriber = { clientId: "other" };
  for (const filter of ["#", "+/+/weight"]) {
    bench(`10,000 subscribes and unsubscribes of ${filter}, after 65,536 routes were made`, function* () {
      yield {
        0: () => {
          for (const topic of all) router.routeOf(topic);
          return filter;
        },
        bench: (filter: string) => {
          for (let round = 0; round < 10_000; round++) {
            router.subscribe(subscriber, subscriptionTo(filter));
            router.unsubscribe(subscriber, filter);
          }
        },
      };
    });
  }
}

{
  const { topics, router } = createRouter();
  for (let number = 0; number < 10_000; number++) {
    const bits = Math.imul(number, 0x9e3779b1) >>> 0;
    const levels = Array.from({ length: 127 }, (_, index) => ((bits >>> (index % 32)) & 1 ? "+" : "a"));
    router.subscribe({ clientId: "hostile" }, subscriptionTo(`${levels.join("/")}/b`));
  }
  const topic = topics.internName(Array.from({ length: 128 }, () => "a").join("/"));
  bench("route of a topic of 128 levels, 10,000 hostile filters", () => {
    topics.routes.forget(topic);
    do_not_optimize(router.routeOf(topic));
  });
}

{
  const { topics, router } = createRouter();
  const topic = topics.internName("news/today");
  for (let number = 0; number < 10_000; number++) {
    const subscriber = { clientId: `client-${number}` };
    router.subscribe(subscriber, subscriptionTo("news/today"));
    if (number < 100) router.subscribe(subscriber, subscriptionTo("news/#"));
  }
  bench("route made anew: 10,000 subscribers, 100 of them overlapping", () => {
    topics.routes.forget(topic);
    do_not_optimize(router.routeOf(topic));
  });
}

await run();
