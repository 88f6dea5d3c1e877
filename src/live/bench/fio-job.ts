import type { Bdf } from "../../pci/bdf.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { hasUnseen, type Printable } from "../../pci/visible.ts";
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
 * `mem=mmapshared:FILE`; its random offsets are others, because its generator is. Throws `unsupported` for a path that no
 * line of a job file can hold.
 */
export function fioJobFile({ job, path, provider, hasDram }: FioJobFile): Printable {
  if (hasUnseen(path)) {
    throw new PeerlaneError("unsupported", `a job file cannot name ${path}`, {
      remedy: "give the file a name without control characters, or a link to it that has one",
    });
  }
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
  return `${lines.join("\n")}\n` as Printable;
}

function milliseconds(seconds: number): string {
  return `${Math.round(seconds * 1000)}ms`;
}
