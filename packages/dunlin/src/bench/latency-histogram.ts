/** Buckets per power of two: a value is known to 1.6 %. */
const SUB_BUCKETS = 64;
const SUB_BUCKET_BITS = 6;

/** Buckets of a histogram of unsigned 32-bit integers. */
export const HISTOGRAM_BUCKETS: number = (32 - SUB_BUCKET_BITS + 1) * SUB_BUCKETS;

/** The bucket of `value`: exact below 64, then 64 buckets of equal width for each power of two. */
export function bucketOf(value: number): number {
  if (value < SUB_BUCKETS) return value;
  const shift = 31 - Math.clz32(value) - SUB_BUCKET_BITS;
  return (shift + 1) * SUB_BUCKETS + (value >>> shift) - SUB_BUCKETS;
}

/** The middle of a bucket. */
export function valueOfBucket(bucket: number): number {
  if (bucket < SUB_BUCKETS) return bucket;
  const shift = Math.floor(bucket / SUB_BUCKETS) - 1;
  const lowest = (SUB_BUCKETS + (bucket % SUB_BUCKETS)) * 2 ** shift;
  return lowest + (2 ** shift - 1) / 2;
}

/** What a histogram tells, in the unit of its values; all 0 where it is empty. */
export interface Distribution {
  readonly count: number;
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly maximum: number;
}

/** The value below or at which the share `quantile` of all values lies; 0 where there are none. */
export function quantileOf(buckets: Uint32Array, quantile: number): number {
  const total = buckets.reduce((sum, count) => sum + count, 0);
  if (total === 0) return 0;
  const wanted = Math.max(1, Math.ceil(quantile * total));
  let seen = 0;
  for (let bucket = 0; bucket < buckets.length; bucket++) {
    seen += buckets[bucket]!;
    if (seen >= wanted) return valueOfBucket(bucket);
  }
  return 0;
}

export function distributionOf(buckets: Uint32Array): Distribution {
  let count = 0;
  let sum = 0;
  for (let bucket = 0; bucket < buckets.length; bucket++) {
    count += buckets[bucket]!;
    sum += buckets[bucket]! * valueOfBucket(bucket);
  }
  return {
    count,
    mean: count === 0 ? 0 : sum / count,
    p50: quantileOf(buckets, 0.5),
    p90: quantileOf(buckets, 0.9),
    p99: quantileOf(buckets, 0.99),
    p999: quantileOf(buckets, 0.999),
    maximum: quantileOf(buckets, 1),
  };
}

/** What came since `earlier`. */
export function difference(later: Uint32Array, earlier: Uint32Array): Uint32Array {
  return later.map((count, bucket) => count - earlier[bucket]!);
}
