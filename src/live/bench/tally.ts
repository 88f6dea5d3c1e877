import type { RecordableHistogram } from "node:perf_hooks";
import type { IoFigures } from "../../measured/bench.ts";
import { latencyHistogram, latencyOf } from "./latency.ts";

/** What reads or writes came to; counting makes no new objects. */
export class KindTally {
  ios = 0;
  bytes = 0;
  readonly latency: RecordableHistogram = latencyHistogram();

  count(bytes: number, latencyNs: number): void {
    this.ios++;
    this.bytes += bytes;
    this.latency.record(latencyNs);
  }

  add(other: KindTally): void {
    this.ios += other.ios;
    this.bytes += other.bytes;
    // An empty one would leave its own extremes behind.
    if (other.ios > 0) this.latency.add(other.latency);
  }

  figures(seconds: number): IoFigures {
    return {
      ios: this.ios,
      bytes: this.bytes,
      bytesPerSecond: seconds > 0 ? this.bytes / seconds : 0,
      iops: seconds > 0 ? this.ios / seconds : 0,
      latencyNs: latencyOf(this.latency),
    };
  }
}

/** Counts of one stretch of time. */
export class Tally {
  readonly read: KindTally = new KindTally();
  readonly write: KindTally = new KindTally();
  readonly errors: Map<string, number> = new Map();

  fail(errno: string): void {
    this.errors.set(errno, (this.errors.get(errno) ?? 0) + 1);
  }

  /** How many have failed. */
  get failed(): number {
    let sum = 0;
    for (const count of this.errors.values()) sum += count;
    return sum;
  }

  add(other: Tally): void {
    this.read.add(other.read);
    this.write.add(other.write);
    for (const [errno, count] of other.errors) this.errors.set(errno, (this.errors.get(errno) ?? 0) + count);
  }

  /** Reads and writes as one. */
  all(): KindTally {
    const both = new KindTally();
    both.add(this.read);
    both.add(this.write);
    return both;
  }
}
