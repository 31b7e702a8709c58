import type { LoadResult } from "../packages/dunlin/src/bench/load-result.ts";

/** All runs of a broker in a scenario, by `resultsKey`. */
export type Results = Map<string, readonly LoadResult[]>;

export function resultsKey(scenario: string, broker: string): string {
  return `${scenario} ${broker}`;
}

/** The middle value, of an even number the mean of both; undefined of nothing. */
export function median(values: readonly number[]): number | undefined {
  const sorted = [...values].sort((left, right) => left - right);
  if (sorted.length === 0) return undefined;
  const upper = sorted[Math.floor(sorted.length / 2)]!;
  return sorted.length % 2 === 1 ? upper : (upper + sorted[sorted.length / 2 - 1]!) / 2;
}

/** The median of one figure over the runs of a broker in a scenario. */
export function medianOf(
  results: Results,
  scenario: string,
  broker: string,
  figure: (result: LoadResult) => number | undefined,
): number | undefined {
  const runs = results.get(resultsKey(scenario, broker)) ?? [];
  return median(runs.map(figure).filter((value) => value !== undefined));
}
