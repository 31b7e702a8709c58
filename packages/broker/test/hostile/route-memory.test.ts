import { expect, test } from "vitest";
import { defaultLimits } from "../../src/options.ts";
import { Router } from "../../src/routing/router.ts";
import { TopicTable } from "../../src/routing/topic-table.ts";

const LEVELS = 10;
const CACHED_TOPICS = 64;

/** Every way of putting "+" for some of the levels "a". */
function overlappingFilters(): string[] {
  return Array.from({ length: 2 ** LEVELS }, (_, bits) =>
    Array.from({ length: LEVELS }, (_level, index) => ((bits >> index) & 1 ? "+" : "a"))
      .join("/")
      .concat("/+"),
  );
}

test("routes of overlapping subscriptions are remembered as far as what they hold allows", () => {
  const topics = new TopicTable<object>({ ...defaultLimits, maximumCachedTopics: CACHED_TOPICS });
  const router = new Router(topics);
  const subscriber = {};
  for (const [index, topicFilter] of overlappingFilters().entries()) {
    const options = { qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
    router.subscribe(subscriber, { topicFilter, subscriptionIdentifier: index + 1, ...options });
  }
  for (let index = 0; index < CACHED_TOPICS; index++) {
    const route = router.routeOf(topics.internName(`${"a/".repeat(LEVELS)}${index}`));
    expect(route.targets[0]?.subscriptionIdentifiers).toHaveLength(2 ** LEVELS);
  }
  // As many as there are topics, sixteen for each.
  expect(topics.routes.size * 2 ** LEVELS).toBeLessThanOrEqual(CACHED_TOPICS * 16);
});
