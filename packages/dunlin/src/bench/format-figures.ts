const GROUPED = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const MICROSECONDS_PER_MS = 1000;

/** `1,234,567`; small numbers with the digits that say something. */
export function formatNumber(value: number): string {
  const magnitude = Math.abs(value);
  if (magnitude >= 100 || Number.isInteger(value)) return GROUPED.format(value);
  return value.toFixed(magnitude >= 10 ? 1 : 2);
}

export function formatMicroseconds(value: number): string {
  if (value < MICROSECONDS_PER_MS) return `${formatNumber(Math.round(value))} us`;
  const ms = value / MICROSECONDS_PER_MS;
  return ms < MICROSECONDS_PER_MS ? `${formatNumber(ms)} ms` : `${formatNumber(ms / MICROSECONDS_PER_MS)} s`;
}

export function formatPercent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
