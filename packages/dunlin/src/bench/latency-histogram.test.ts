import { expect, it } from "vitest";
import {
  bucketOf,
  distributionOf,
  HISTOGRAM_BUCKETS,
  quantileOf,
  valueOfBucket,
} from "./latency-histogram.ts";

const ERROR = 1 / 64;

function histogramOf(values: readonly number[]): Uint32Array {
  const buckets = new Uint32Array(HISTOGRAM_BUCKETS);
  for (const value of values) buckets[bucketOf(value)]! += 1;
  return buckets;
}

it("keeps every value to 1.6 % and within its buckets", () => {
  for (let value = 1; value < 2 ** 32; value = Math.ceil(value * 1.01)) {
    const bucket = bucketOf(value);
    expect(bucket).toBeLessThan(HISTOGRAM_BUCKETS);
    expect(Math.abs(valueOfBucket(bucket) - value) / value).toBeLessThan(ERROR);
  }
  expect(bucketOf(2 ** 32 - 1)).toBe(HISTOGRAM_BUCKETS - 1);
});

it("has a bucket for each value below 64, and growing ones from there on", () => {
  expect(Array.from({ length: 64 }, (_, value) => bucketOf(value))).toEqual(
    Array.from({ length: 64 }, (_, bucket) => bucket),
  );
  const steps = Array.from({ length: 100_000 }, (_, value) => bucketOf(value + 1) - bucketOf(value));
  expect(new Set(steps)).toEqual(new Set([0, 1]));
});

it("tells the value below which a share of all values lies", () => {
  const buckets = histogramOf(Array.from({ length: 1000 }, (_, index) => index + 1));
  expect(quantileOf(buckets, 0.5) / 500).toBeCloseTo(1, 1);
  expect(quantileOf(buckets, 0.99) / 990).toBeCloseTo(1, 1);
  expect(quantileOf(histogramOf([5, 5, 5, 9]), 0.75)).toBe(5);
  expect(quantileOf(histogramOf([5, 5, 5, 9]), 0.76)).toBe(9);
  expect(quantileOf(histogramOf([]), 0.5)).toBe(0);
});

it("tells count, mean and maximum", () => {
  const { count, mean, maximum } = distributionOf(histogramOf([10, 20, 30]));
  expect({ count, mean, maximum }).toEqual({ count: 3, mean: 20, maximum: 30 });
});
