import { expect, test } from "vitest";
import { nodeRandom } from "./node-random.ts";

test("below stays below its bound and reaches every number", () => {
  const seen = new Set(Array.from({ length: 500 }, () => nodeRandom.below(5)));
  expect([...seen].sort()).toEqual([0, 1, 2, 3, 4]);
});

test("hex gives as many digits as asked for, others each time", () => {
  expect(nodeRandom.hex(7)).toMatch(/^[0-9a-f]{7}$/);
  expect(nodeRandom.hex(0)).toBe("");
  expect(nodeRandom.hex(32)).not.toBe(nodeRandom.hex(32));
});
