import { noEntry } from "../pci/entry-at.ts";
import { CLASS_COUNT } from "./ordering.ts";

/** What `records` has of a station, from eight times its number on: picoseconds, and TLPs and data bytes by class. */
export const USAGE_SHIFT = 3;
export const BUSY = 0;
export const TLPS = 1;
export const BYTES: number = TLPS + CLASS_COUNT;

/** What stations carried: in all, and over time in so many buckets, which grow twice as long when time runs past them. */
export class Usage {
  readonly #stations: number;
  readonly #buckets: number;
  #bucketPs: number;
  /** Picoseconds that each was busy, bucket by bucket. */
  readonly #busyBy: Float64Array;
  /** The same in all, up to the bucket that fills. */
  readonly #busyBefore: Float64Array;
  #bucket = 0;
  readonly records: Float64Array;

  constructor(stations: number, buckets: number, bucketPs: number) {
    this.#stations = stations;
    this.#buckets = buckets;
    this.#bucketPs = bucketPs;
    this.#busyBy = new Float64Array(stations * buckets);
    this.#busyBefore = new Float64Array(stations);
    this.records = new Float64Array(stations << USAGE_SHIFT);
  }

  get bucketPs(): number {
    return this.#bucketPs;
  }

  /** When the bucket ends that fills: {@link turn} is due before anything later is counted. */
  get endPs(): number {
    return (this.#bucket + 1) * this.#bucketPs;
  }

  /** Closes the buckets up to a time. */
  turn(time: number): void {
    let bucket = Math.floor(time / this.#bucketPs);
    while (bucket >= this.#buckets) {
      this.#close();
      this.#fold();
      bucket = Math.floor(time / this.#bucketPs);
    }
    if (bucket === this.#bucket) return;
    this.#close();
    this.#bucket = bucket;
  }

  /** Counts a stretch of time in which each was busy for so long, evenly over it; all before it was counted. */
  skip(from: number, to: number, busyPs: Float64Array): void {
    this.turn(from);
    this.#close();
    for (let start = from; start < to; ) {
      this.turn(start);
      const end = Math.min(to, this.endPs);
      for (let station = 0; station < this.#stations; station++) {
        const at = this.#bucket * this.#stations + station;
        const busy = busyPs[station] ?? noEntry(station);
        this.#busyBy[at] = (this.#busyBy[at] ?? noEntry(at)) + (busy * (end - start)) / (to - from);
      }
      start = end;
    }
    for (let station = 0; station < this.#stations; station++) {
      const busy = busyPs[station] ?? noEntry(station);
      const at = (station << USAGE_SHIFT) + BUSY;
      this.records[at] = (this.records[at] ?? noEntry(at)) + busy;
      this.#busyBefore[station] = (this.#busyBefore[station] ?? noEntry(station)) + busy;
    }
  }

  /** The part of each bucket of time, up to an end, that a station was busy. */
  overTime(station: number, endPs: number): readonly number[] {
    this.#close();
    const count = Math.min(this.#buckets, Math.ceil(endPs / this.#bucketPs));
    return Array.from({ length: count }, (_, bucket) => {
      const length = Math.min(endPs, (bucket + 1) * this.#bucketPs) - bucket * this.#bucketPs;
      return Math.min(1, (this.#busyBy[bucket * this.#stations + station] ?? 0) / length);
    });
  }

  /** Adds what was counted since it was last to the bucket that fills. */
  #close(): void {
    for (let station = 0; station < this.#stations; station++) {
      const busy = this.records[(station << USAGE_SHIFT) + BUSY] ?? noEntry(station);
      const at = this.#bucket * this.#stations + station;
      this.#busyBy[at] = (this.#busyBy[at] ?? noEntry(at)) + busy - (this.#busyBefore[station] ?? noEntry(station));
      this.#busyBefore[station] = busy;
    }
  }

  /** Makes one bucket of two. */
  #fold(): void {
    const width = this.#stations;
    for (let bucket = 0; bucket < this.#buckets; bucket++) {
      for (let station = 0; station < width; station++) {
        const first = 2 * bucket < this.#buckets ? (this.#busyBy[2 * bucket * width + station] ?? 0) : 0;
        const second = 2 * bucket + 1 < this.#buckets ? (this.#busyBy[(2 * bucket + 1) * width + station] ?? 0) : 0;
        this.#busyBy[bucket * width + station] = first + second;
      }
    }
    this.#bucket = Math.floor(this.#bucket / 2);
    this.#bucketPs *= 2;
  }
}
