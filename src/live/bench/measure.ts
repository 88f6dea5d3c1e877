import { type EventLoopUtilization, performance } from "node:perf_hooks";
import type { CpuSeconds, DramTraffic, SideName } from "../../measured/bench.ts";
import { isUnknown, type Known } from "../../pci/known.ts";
import type { DramCounters } from "./dram-counters.ts";
import { IoLoop, MAX_FAILURES } from "./io-loop.ts";
import type { BenchJob } from "./job.ts";
import { IoSequence } from "./offsets.ts";
import type { MeasuredSlice } from "./result.ts";
import type { Side } from "./side.ts";
import { planSlices } from "./slices.ts";
import { Tally } from "./tally.ts";

/** How far it is. */
export interface BenchProgress {
  readonly side: SideName;
  readonly isRamp: boolean;
  /** Of the slice that runs. */
  readonly bytesPerSecond: number;
  readonly remainingSeconds: number;
}

/** What a measurement needs. */
export interface Bench {
  readonly job: BenchJob;
  readonly descriptor: number;
  readonly sides: readonly Side[];
  readonly counters: Known<DramCounters>;
  readonly signal: AbortSignal;
  readonly onProgress?: ((progress: BenchProgress) => void) | undefined;
}

const PROGRESS_MS = 200;

/**
 * Runs the job's slices, the sides in turn. Ends early, with what is whole, where the signal is aborted, and behind a
 * slice in which the device failed too often.
 */
export async function measure(bench: Bench): Promise<readonly MeasuredSlice[]> {
  const { job, signal } = bench;
  const runs = new Map(bench.sides.map((side) => [side.name, new SideRun(bench, side)]));
  const names = [...runs.keys()];
  const planned = [
    ...(job.rampSeconds > 0 ? names.map((side) => ({ index: -1, side, seconds: job.rampSeconds })) : []),
    ...planSlices(job.runtimeSeconds, names),
  ];
  const slices: MeasuredSlice[] = [];
  let remaining = planned.reduce((sum, { seconds }) => sum + seconds, 0);
  let start = performance.now();
  for (const { index, side, seconds } of planned) {
    const run = runs.get(side);
    if (signal.aborted || run === undefined) break;
    if (index < 0) start = performance.now();
    const startSeconds = (performance.now() - start) / 1000;
    const slice = await run.slice(seconds, remaining, index < 0);
    remaining -= seconds;
    if (index < 0) start = performance.now();
    else if (slice.tally.all().ios > 0 || slice.tally.failed > 0) slices.push({ index, side, startSeconds, ...slice });
    if (slice.tally.failed >= MAX_FAILURES) break;
  }
  return slices;
}

/** One side's loop over all of its slices. */
class SideRun {
  readonly #bench: Bench;
  readonly #side: SideName;
  readonly #loop: IoLoop;

  constructor(bench: Bench, { name, memory, readsAt, writesAt }: Side) {
    const { job, descriptor } = bench;
    this.#bench = bench;
    this.#side = name;
    this.#loop = new IoLoop(job, { descriptor, buffer: memory.buffer, readsAt, writesAt }, new IoSequence(job));
  }

  async slice(
    seconds: number,
    remaining: number,
    isRamp: boolean,
  ): Promise<Omit<MeasuredSlice, "index" | "side" | "startSeconds">> {
    const { counters, signal } = this.#bench;
    const tally = new Tally();
    const timer = this.#reports(tally, remaining, isRamp);
    const before = isUnknown(counters) ? counters : counters.read();
    const clock = new CpuClock();
    const taken = await this.#loop.run(seconds, tally, signal);
    const cost = clock.elapsed();
    clearInterval(timer);
    return { seconds: taken, tally, ...cost, dram: trafficSince(counters, before) };
  }

  #reports(tally: Tally, remaining: number, isRamp: boolean): NodeJS.Timeout | undefined {
    const { onProgress } = this.#bench;
    if (onProgress === undefined) return undefined;
    const start = performance.now();
    return setInterval(() => {
      const elapsed = (performance.now() - start) / 1000;
      onProgress({
        side: this.#side,
        isRamp,
        bytesPerSecond: (tally.read.bytes + tally.write.bytes) / elapsed,
        remainingSeconds: Math.max(remaining - elapsed, 0),
      });
    }, PROGRESS_MS);
  }
}

function trafficSince(counters: Known<DramCounters>, before: Known<DramTraffic>): Known<DramTraffic> {
  if (isUnknown(counters)) return counters;
  if (isUnknown(before)) return before;
  const after = counters.read();
  return { readBytes: after.readBytes - before.readBytes, writtenBytes: after.writtenBytes - before.writtenBytes };
}

const MICROSECONDS = 1e-6;

/** What a stretch of time cost this process. */
interface CpuCost {
  readonly cpu: CpuSeconds;
  /** 0 to 1. */
  readonly loopUtilization: number;
}

/** CPU time of this process, its threads and the kernel's work for them (getrusage(2)), from when it is made. */
class CpuClock {
  readonly #start = process.cpuUsage();
  readonly #loop: EventLoopUtilization = performance.eventLoopUtilization();

  elapsed(): CpuCost {
    const { user, system } = process.cpuUsage(this.#start);
    return {
      cpu: { userSeconds: user * MICROSECONDS, systemSeconds: system * MICROSECONDS },
      loopUtilization: performance.eventLoopUtilization(this.#loop).utilization,
    };
  }
}
