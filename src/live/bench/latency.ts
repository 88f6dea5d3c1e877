import { createHistogram, type RecordableHistogram } from "node:perf_hooks";
import type { DistributionPoint, Latency } from "../../measured/bench.ts";

/** Three figures: values are kept to 0.1 percent, from a nanosecond to 20 minutes. */
const PRECISION = { lowest: 1, highest: 1_200_000_000_000, figures: 3 } as const;

/** Where the distribution is shown: denser towards the slow end, down to one I/O of 100 000. */
const PERCENTILES = [
  0.001, 1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 85, 90, 92.5, 95, 97, 98, 99, 99.3, 99.5, 99.7, 99.8, 99.9, 99.95, 99.97,
  99.99, 99.995, 99.999, 100,
];

/** A new HDR histogram of nanoseconds. */
export function latencyHistogram(): RecordableHistogram {
  return createHistogram(PRECISION);
}

/** The figures of a histogram; `null` for an empty one. */
export function latencyOf(histogram: RecordableHistogram): Latency | null {
  if (histogram.count === 0) return null;
  return {
    min: histogram.min,
    mean: Math.round(histogram.mean),
    p50: histogram.percentile(50),
    p90: histogram.percentile(90),
    p99: histogram.percentile(99),
    p999: histogram.percentile(99.9),
    max: histogram.max,
  };
}

/** The latency at each percentile that so many I/Os can show. */
export function distributionOf(histogram: RecordableHistogram): readonly DistributionPoint[] {
  const { count } = histogram;
  return PERCENTILES.filter((percentile) => percentile === 100 || count * (1 - percentile / 100) >= 1)
    .filter(() => count > 0)
    .map((percentile) => ({
      percentile: percentile === 0.001 ? 0 : percentile,
      latencyNs: percentile === 0.001 ? histogram.min : histogram.percentile(percentile),
    }));
}
