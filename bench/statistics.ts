/** What many runs of one thing took. */
export interface Summary {
  readonly runs: number;
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

/** The middle of `values`, the mean of the two in the middle for an even count; throws for none. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError("no values to take the median of");
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  const lower = sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
  return (lower + upper) / 2;
}

/** Median, least and most of `values`. */
export function summarize(values: readonly number[]): Summary {
  return { runs: values.length, median: median(values), least: Math.min(...values), most: Math.max(...values) };
}

/** Ratios of what ran in the same round, so that a disturbance of the machine meets both sides. */
export function ratios(numerators: readonly number[], denominators: readonly number[]): Summary {
  return summarize(numerators.map((value, round) => value / (denominators[round] ?? Number.NaN)));
}

/** A summary as `12.3 (11.9–14.0)`. */
export function formatSummary({ median: middle, least, most }: Summary, digits: number): string {
  return `${middle.toFixed(digits)} (${least.toFixed(digits)}–${most.toFixed(digits)})`;
}
