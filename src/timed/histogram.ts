import { noEntry } from "../pci/entry-at.ts";

/** Parts that each power of two is cut into: values are known to within 1 %. */
const PARTS = 128;
const PART_BITS = 7;
/** Whole nanoseconds up to 2^31; what is longer counts as that. */
const BUCKETS = (32 - PART_BITS) * PARTS;

/** Latencies of some flows, counted in buckets of a logarithmic scale that is fixed: no value is kept. */
export class Histograms {
  readonly #counts: Float64Array;

  constructor(flows: number) {
    this.#counts = new Float64Array(flows * BUCKETS);
  }

  add(flow: number, nanoseconds: number): void {
    const at = flow * BUCKETS + bucketOf(nanoseconds);
    this.#counts[at] = (this.#counts[at] ?? noEntry(at)) + 1;
  }

  /** The value below which a part of a flow's are, in nanoseconds (the middle of its bucket); `null` where it has none. */
  percentile(flow: number, part: number): number | null {
    const counts = this.#counts.subarray(flow * BUCKETS, (flow + 1) * BUCKETS);
    const total = counts.reduce((sum, count) => sum + count, 0);
    if (total === 0) return null;
    let left = total * part;
    for (const [bucket, count] of counts.entries()) {
      left -= count;
      if (left <= 0 && count > 0) return middleOf(bucket);
    }
    return middleOf(counts.findLastIndex((count) => count > 0));
  }

  /** What was counted so far, to be handed to {@link growSince}. */
  copy(): Float64Array {
    return this.#counts.slice();
  }

  /** Adds `times` of what was counted since a copy was made. */
  growSince(before: Float64Array, times: number): void {
    for (let at = 0; at < this.#counts.length; at++) {
      const count = this.#counts[at] ?? noEntry(at);
      this.#counts[at] = count + times * (count - (before[at] ?? noEntry(at)));
    }
  }
}

function bucketOf(nanoseconds: number): number {
  const whole = Math.min(0x7fff_ffff, Math.max(0, Math.round(nanoseconds)));
  const shift = Math.max(0, 31 - Math.clz32(whole) - PART_BITS);
  return shift * PARTS + (whole >>> shift);
}

function middleOf(bucket: number): number {
  const shift = Math.max(0, Math.floor(bucket / PARTS) - 1);
  const first = (bucket - shift * PARTS) * 2 ** shift;
  return first + (2 ** shift - 1) / 2;
}
