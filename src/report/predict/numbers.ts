import type { Ranged } from "../../predict/platform-limits.ts";
import type { Prediction } from "../../predict/predict.ts";
import type { RangedJson } from "../json-types.ts";

/** Bytes of single reads and writes that are told: from a cache line to where only what repeats counts. */
export const TOLD_SIZES: readonly number[] = [64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 16_777_216];

/** Those of them that are told where not all are asked for. */
export const FIRST_SIZES: readonly number[] = [64, 4096, 1_048_576];

/** 10^9 bytes per second, to three digits: `56.3`, `7.01`, `0.42`. */
export function gbpsText(gbps: number): string {
  return gbps >= 100 ? gbps.toFixed(0) : gbps >= 10 ? gbps.toFixed(1) : gbps.toFixed(2);
}

/** `56.3 GB/s (52.9–57.5)`; of a bound `at most 56.3 GB/s`. */
export function rangeText({ value, low, high, isUpperBound }: Prediction): string {
  if (isUpperBound) return `at most ${gbpsText(high)} GB/s`;
  return `${gbpsText(value)} GB/s (${gbpsText(low)}–${gbpsText(high)})`;
}

/** 10^9 bytes per second where each transfer waits for the one before: its way there counts each time. Of a bound the most. */
export function oneAtATimeGBps(large: Prediction, sizeBytes: number): number {
  const { latencyNs, isUpperBound } = large;
  if (isUpperBound) return sizeBytes / (latencyNs.low + sizeBytes / large.high);
  return sizeBytes / (latencyNs.value + sizeBytes / large.value);
}

/** What is told of many in flight: the figure, of a bound the most. */
export function toldGBps({ value, high, isUpperBound }: Prediction): number {
  return isUpperBound ? high : value;
}

/** A figure for JSON, as {@link rounded}. */
export function rangedJson({ value, low, high }: Ranged): RangedJson {
  return { value: rounded(value), low: rounded(low), high: rounded(high) };
}

/** To a millionth: what is behind that is the arithmetic's. */
export function rounded(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}
