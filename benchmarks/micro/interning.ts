/** From the bytes of a Topic Name to its topic. Run: npx tsx --conditions=x-source benchmarks/micro/interning.ts */
import { bench, do_not_optimize, run, summary } from "mitata";
import { createRouter, NamesInBuffer } from "./broker-routing.ts";

const TOPIC_COUNT = 1024;
const tail = "/sensor/temperature/celsius".repeat(8);

function names(length: number, count: number): string[] {
  return Array.from({ length: count }, (_, index) =>
    `site/${String(index).padStart(5, "0")}${tail}`.slice(0, length),
  );
}

for (const length of [12, 25, 60, 200]) {
  const { topics } = createRouter();
  const { bytes, starts, ends } = new NamesInBuffer(names(length, TOPIC_COUNT));
  const buffer = Buffer.from(bytes.buffer);
  const byName = new Map(names(length, TOPIC_COUNT).map((name) => [name, topics.internName(name)]));
  summary(() => {
    let next = 0;
    bench(`intern, ${length} bytes, ${TOPIC_COUNT} topics`, () => {
      next = (next + 1) & (TOPIC_COUNT - 1);
      do_not_optimize(topics.intern(bytes, starts[next]!, ends[next]!));
    });
    bench(`utf8Slice and Map, ${length} bytes, ${TOPIC_COUNT} topics`, () => {
      next = (next + 1) & (TOPIC_COUNT - 1);
      do_not_optimize(byName.get(buffer.toString("utf8", starts[next], ends[next])));
    });
  });
}

{
  const { topics, router } = createRouter(TOPIC_COUNT);
  const count = TOPIC_COUNT * 64;
  const { bytes, starts, ends } = new NamesInBuffer(names(25, count));
  let next = 0;
  bench("intern and route a topic that has been evicted, 25 bytes", () => {
    next = (next + 1) % count;
    do_not_optimize(router.routeOf(topics.intern(bytes, starts[next]!, ends[next]!)));
  });
}

await run();
