/**
 * Heap bytes of each subscription, without its strings and its record, which the session holds anyway.
 * Run: npx tsx --expose-gc --conditions=x-source benchmarks/micro/subscription-memory.ts
 */
import { createRouter, type Subscriber, subscriptionTo } from "./broker-routing.ts";

const COUNT = 1_000_000;

function usedHeap(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

function measure(title: string, filterOf: (index: number) => string): void {
  const { router } = createRouter();
  const subscribers: Subscriber[] = Array.from({ length: 1000 }, (_, index) => ({ clientId: `${index}` }));
  const subscriptions = Array.from({ length: COUNT }, (_, index) => subscriptionTo(filterOf(index)));
  const before = usedHeap();
  const startMs = performance.now();
  subscriptions.forEach((subscription, index) => {
    router.subscribe(subscribers[index % 1000]!, subscription);
  });
  const elapsedMs = performance.now() - startMs;
  const bytes = Math.round((usedHeap() - before) / COUNT);
  const microseconds = ((elapsedMs * 1000) / COUNT).toFixed(2);
  console.log(`${title}: ${bytes} bytes, ${microseconds} us to subscribe`);
  subscriptions.forEach((subscription, index) => {
    router.unsubscribe(subscribers[index % 1000]!, subscription.topicFilter);
  });
  console.log(`  ${Math.round((usedHeap() - before) / COUNT)} bytes once all have unsubscribed`);
}

if (globalThis.gc === undefined) throw new Error("run with --expose-gc: heap figures mean nothing otherwise");
measure("1,000,000 filters device/{id}/command", (index) => `device/${index}/command`);
measure("1,000,000 filters site/{id}/+/value/#", (index) => `site/${index}/+/value/#`);
measure(
  "1,000,000 filters {a}/{b}/{c}",
  (index) => `${index % 100}/${Math.floor(index / 100) % 100}/${index}`,
);
measure("1,000,000 subscriptions, 1000 to each filter", (index) => `topic/${Math.floor(index / 1000)}`);
