import { noEntry } from "../pci/entry-at.ts";
import { CLASS_COUNT } from "./ordering.ts";

/** What stations carried: in all, by class, and over time in so many buckets, which grow twice as long when time runs past. */
export class Usage {
  readonly #buckets: number;
  #bucketPs: number;
  readonly #busyBy: Float64Array;
  readonly busyPs: Float64Array;
  /** Station × 3 + class. */
  readonly tlps: Float64Array;
  readonly bytesBy: Float64Array;

  constructor(stations: number, buckets: number, bucketPs: number) {
    this.#buckets = buckets;
    this.#bucketPs = bucketPs;
    this.#busyBy = new Float64Array(stations * buckets);
    this.busyPs = new Float64Array(stations);
    this.tlps = new Float64Array(stations * CLASS_COUNT);
    this.bytesBy = new Float64Array(stations * CLASS_COUNT);
  }

  get bucketPs(): number {
    return this.#bucketPs;
  }

  add(station: number, start: number, end: number, bytes: number, kind: number): void {
    const busy = end - start;
    this.busyPs[station] = (this.busyPs[station] ?? noEntry(station)) + busy;
    const of = station * CLASS_COUNT + kind;
    this.tlps[of] = (this.tlps[of] ?? noEntry(of)) + 1;
    this.bytesBy[of] = (this.bytesBy[of] ?? noEntry(of)) + bytes;
    let bucket = Math.floor(start / this.#bucketPs);
    while (bucket >= this.#buckets) {
      this.#fold();
      bucket = Math.floor(start / this.#bucketPs);
    }
    const at = station * this.#buckets + bucket;
    this.#busyBy[at] = (this.#busyBy[at] ?? noEntry(at)) + busy;
  }

  /** The part of each bucket of time, up to an end, that a station was busy. */
  overTime(station: number, endPs: number): readonly number[] {
    const count = Math.min(this.#buckets, Math.ceil(endPs / this.#bucketPs));
    return Array.from({ length: count }, (_, bucket) => {
      const length = Math.min(endPs, (bucket + 1) * this.#bucketPs) - bucket * this.#bucketPs;
      return Math.min(1, (this.#busyBy[station * this.#buckets + bucket] ?? 0) / length);
    });
  }

  #fold(): void {
    const half = Math.ceil(this.#buckets / 2);
    for (let first = 0; first < this.#busyBy.length; first += this.#buckets) {
      for (let bucket = 0; bucket < this.#buckets; bucket++) {
        const sum =
          bucket < half
            ? (this.#busyBy[first + 2 * bucket] ?? 0) + odd(this.#busyBy, first, 2 * bucket + 1, this.#buckets)
            : 0;
        this.#busyBy[first + bucket] = sum;
      }
    }
    this.#bucketPs *= 2;
  }
}

function odd(values: Float64Array, first: number, bucket: number, buckets: number): number {
  return bucket < buckets ? (values[first + bucket] ?? 0) : 0;
}
