import { FakeClock } from "@dunlin/test-kit";
import { expect, test } from "vitest";
import { Counters } from "./counters.ts";
import { silentLogger } from "./ports/logger.ts";
import { RepeatedLines } from "./repeated-lines.ts";

test("of many lines alike in a second some are logged, and one counts the rest", () => {
  const lines: [fields: object, message: string][] = [];
  const note = (fields: object, message: string): void => void lines.push([fields, message]);
  const clock = new FakeClock();
  const counters = new Counters();
  const repeated = new RepeatedLines({ ...silentLogger, info: note, warn: note }, clock, counters);
  for (let index = 0; index < 100; index++) repeated.note("info", { index }, "denied");
  repeated.note("warn", {}, "refused");
  expect(lines.map(([, message]) => message)).toEqual([...Array(20).fill("denied"), "refused"]);
  clock.advance(1000);
  expect(lines.slice(21)).toEqual([[{ leftOut: 80, withinMs: 1000 }, "more of the same: denied"]]);
  expect(counters.logLinesLeftOut).toBe(80);
  repeated.note("info", { index: 100 }, "denied");
  expect(lines.at(-1)).toEqual([{ index: 100 }, "denied"]);
  clock.advance(1000);
  expect(lines).toHaveLength(23);
});
