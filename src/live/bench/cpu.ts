import { type EventLoopUtilization, performance } from "node:perf_hooks";
import type { CpuSeconds } from "../../measured/bench.ts";

const MICROSECONDS = 1e-6;

/** What a stretch of time cost this process. */
export interface CpuCost {
  readonly cpu: CpuSeconds;
  /** 0 to 1. */
  readonly loopUtilization: number;
}

/** CPU time of this process, its threads and the kernel's work for them (getrusage(2)), from when it is made. */
export class CpuClock {
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
