import type { Bdf } from "../../pci/bdf.ts";
import { allocatePath } from "../memory/transfer-memory.ts";
import { type BenchJob, isRandom, reads, writes } from "./job.ts";

/** What a job file needs beside the job. */
export interface FioJobFile {
  readonly job: BenchJob;
  /** Node or path of the target. */
  readonly path: string;
  /** `null` leaves the side out. */
  readonly provider: Bdf | null;
  readonly hasDram: boolean;
}

/**
 * The same job for fio (3.x), one section per side, one after the other. fio takes peer memory with
 * `mem=mmapshared:FILE`; its random offsets are others, because its generator is.
 */
export function fioJobFile({ job, path, provider, hasDram }: FioJobFile): string {
  const isMixed = reads(job) && writes(job);
  const lines = [
    "[global]",
    `filename=${path.replaceAll(/([:\\])/g, "\\$1")}`,
    "ioengine=libaio",
    "direct=1",
    `rw=${job.rw}`,
    ...(isMixed ? [`rwmixread=${job.rwmixreadPercent}`] : []),
    `bs=${job.blockBytes}`,
    `iodepth=${job.iodepth}`,
    `offset=${job.offsetBytes}`,
    `size=${job.sizeBytes}`,
    "time_based=1",
    `runtime=${milliseconds(job.runtimeSeconds)}`,
    ...(job.rampSeconds > 0 ? [`ramp_time=${milliseconds(job.rampSeconds)}`] : []),
    ...(isRandom(job.rw) ? ["norandommap=1", `randseed=${job.seed}`] : []),
    "percentile_list=50:90:99:99.9",
  ];
  if (provider !== null) lines.push("", "[peer]", "stonewall", `mem=mmapshared:${allocatePath(provider)}`);
  if (hasDram) lines.push("", "[dram]", "stonewall", "mem=mmap");
  return `${lines.join("\n")}\n`;
}

function milliseconds(seconds: number): string {
  return `${Math.round(seconds * 1000)}ms`;
}
