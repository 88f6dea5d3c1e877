import { read, write } from "node:fs";
import { performance } from "node:perf_hooks";
import type { BenchJob } from "./job.ts";
import type { IoSequence } from "./offsets.ts";
import { Tally } from "./tally.ts";

/** What the loop moves data between. */
export interface LoopEnds {
  /** Open for direct I/O. */
  readonly descriptor: number;
  /** Holds `iodepth` blocks to read to from `readsAt` on, and as many to write from at `writesAt`. */
  readonly buffer: Buffer;
  readonly readsAt: number;
  readonly writesAt: number;
}

/** A device that fails this often within a slice is not measured any further. */
export const MAX_FAILURES = 100;

const NANOSECONDS = 1e6;

/**
 * Keeps `iodepth` reads and writes in flight for a time. The slots and their callbacks are made once: per I/O nothing
 * is allocated but Node's own request.
 */
export class IoLoop {
  readonly #job: BenchJob;
  readonly #ends: LoopEnds;
  readonly #sequence: IoSequence;
  readonly #slots: readonly Slot[];
  #tally = new Tally();
  #failures = 0;
  #deadline = 0;
  #inFlight = 0;
  #isStopped = false;
  #resolve: () => void = () => {};

  constructor(job: BenchJob, ends: LoopEnds, sequence: IoSequence) {
    this.#job = job;
    this.#ends = ends;
    this.#sequence = sequence;
    this.#slots = Array.from(
      { length: job.iodepth },
      (_, index) => new Slot(ends, index * job.blockBytes, (slot, error, bytes) => this.#ended(slot, error, bytes)),
    );
  }

  /** Runs for `seconds`, counting into `tally`; ends when the last I/O has. Returns the seconds that it took. */
  async run(seconds: number, tally: Tally, signal: AbortSignal): Promise<number> {
    const start = performance.now();
    const stop = (): void => {
      this.#isStopped = true;
    };
    this.#tally = tally;
    this.#failures = 0;
    this.#isStopped = signal.aborted;
    this.#deadline = start + seconds * 1000;
    signal.addEventListener("abort", stop, { once: true });
    await new Promise<void>((resolve) => {
      this.#resolve = resolve;
      for (const slot of this.#slots) this.#start(slot);
      if (this.#inFlight === 0) resolve();
    });
    signal.removeEventListener("abort", stop);
    return (performance.now() - start) / 1000;
  }

  #start(slot: Slot): void {
    if (this.#isStopped) return;
    const { descriptor, buffer } = this.#ends;
    this.#sequence.next();
    this.#inFlight++;
    slot.isWrite = this.#sequence.isWrite;
    slot.startedMs = performance.now();
    if (slot.isWrite)
      write(descriptor, buffer, slot.writesAt, this.#job.blockBytes, this.#sequence.position, slot.ended);
    else read(descriptor, buffer, slot.readsAt, this.#job.blockBytes, this.#sequence.position, slot.ended);
  }

  #ended(slot: Slot, error: NodeJS.ErrnoException | null, bytes: number): void {
    const now = performance.now();
    this.#inFlight--;
    if (error !== null) this.#fail(error.code ?? error.message);
    else if (bytes !== this.#job.blockBytes) this.#fail("short");
    else {
      const kind = slot.isWrite ? this.#tally.write : this.#tally.read;
      kind.count(bytes, Math.max(Math.round((now - slot.startedMs) * NANOSECONDS), 1));
    }
    if (now < this.#deadline) this.#start(slot);
    if (this.#inFlight === 0) this.#resolve();
  }

  #fail(errno: string): void {
    this.#tally.fail(errno);
    this.#failures++;
    if (this.#failures >= MAX_FAILURES) this.#isStopped = true;
  }
}

/** One place in the queue, with memory of its own. */
class Slot {
  isWrite = false;
  startedMs = 0;
  readonly readsAt: number;
  readonly writesAt: number;
  readonly ended: (error: NodeJS.ErrnoException | null, bytes: number) => void;

  constructor(
    ends: LoopEnds,
    offset: number,
    ended: (slot: Slot, error: NodeJS.ErrnoException | null, bytes: number) => void,
  ) {
    this.readsAt = ends.readsAt + offset;
    this.writesAt = ends.writesAt + offset;
    this.ended = (error, bytes) => ended(this, error, bytes);
  }
}
