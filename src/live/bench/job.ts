import type { BenchJobView, ReadWrite } from "../../measured/bench.ts";
import { PeerlaneError } from "../../pci/error.ts";

/** What is asked for; what is left out has fio's meaning or the default of {@link resolveJob}. */
export interface JobRequest {
  readonly rw?: ReadWrite;
  /** Percent of reads of a mixed job. Default 70. */
  readonly rwmixread?: number;
  /** Bytes of one read or write. Default 128 KiB. */
  readonly bs?: number;
  /** Reads and writes in flight. Default 8. */
  readonly iodepth?: number;
  /** Seconds of each side. Default 10. */
  readonly runtime?: number;
  /** Seconds of each side before the figures count: this program has to get warm as well. Default 1. */
  readonly ramp?: number;
  /** First byte of the range. Default 0. */
  readonly offset?: number;
  /** Bytes of the range. Default: all behind `offset`. */
  readonly size?: number;
  /** Default 1. */
  readonly seed?: number;
}

/** A job whose range fits its target. */
export type BenchJob = BenchJobView;

/** Each needs a thread of libuv's pool. */
const MAX_DEPTH = 64;
const MAX_BLOCK = 64 * 1024 * 1024;
const DAY_SECONDS = 86_400;

/** What a job needs to know of its target. */
export interface JobTarget {
  readonly name: string;
  readonly sizeBytes: number;
  readonly logicalBlockBytes: number;
}

/** Fills in the defaults and holds the job against its target. Throws `usage` with what would be right. */
export function resolveJob(request: JobRequest, target: JobTarget): BenchJob {
  const blockBytes = request.bs ?? Math.max(128 * 1024, target.logicalBlockBytes);
  const offsetBytes = request.offset ?? 0;
  requireMultiple("--bs", blockBytes, target);
  requireMultiple("--offset", offsetBytes, target);
  requireRange("--bs", blockBytes, 1, MAX_BLOCK, "bytes");
  requireRange("--iodepth", request.iodepth ?? 8, 1, MAX_DEPTH, "reads and writes in flight");
  requireRange("--runtime", request.runtime ?? 10, 0.1, DAY_SECONDS, "seconds");
  requireRange("--ramp", request.ramp ?? 1, 0, DAY_SECONDS, "seconds");
  requireRange("--rwmixread", request.rwmixread ?? 70, 0, 100, "percent");
  requireRange("--seed", request.seed ?? 1, 0, Number.MAX_SAFE_INTEGER, "");
  return {
    rw: request.rw ?? "read",
    rwmixreadPercent: request.rwmixread ?? 70,
    blockBytes,
    iodepth: request.iodepth ?? 8,
    runtimeSeconds: request.runtime ?? 10,
    rampSeconds: request.ramp ?? 1,
    offsetBytes,
    sizeBytes: sizeOf(request, { offsetBytes, blockBytes }, target),
    seed: request.seed ?? 1,
  };
}

/** The range: whole blocks, inside the target. */
function sizeOf(
  { size }: JobRequest,
  { offsetBytes, blockBytes }: Pick<BenchJob, "offsetBytes" | "blockBytes">,
  { name, sizeBytes }: JobTarget,
): number {
  const room = sizeBytes - offsetBytes;
  if (size !== undefined && size > room)
    throw new PeerlaneError("usage", `--size ${size} behind --offset ${offsetBytes} is more than ${name} has`, {
      remedy: `${name} has ${sizeBytes} bytes: ask for --size ${Math.max(room, 0)} at most`,
    });
  const blocks = Math.floor((size ?? room) / blockBytes);
  if (blocks < 1)
    throw new PeerlaneError("usage", `the range holds no block of ${blockBytes} bytes`, {
      remedy: `${name} has ${sizeBytes} bytes: ask for a smaller --bs or --offset, or a greater --size`,
    });
  return blocks * blockBytes;
}

function requireMultiple(option: string, bytes: number, { name, logicalBlockBytes }: JobTarget): void {
  if (bytes % logicalBlockBytes === 0) return;
  throw new PeerlaneError("usage", `${option} ${bytes} is no multiple of the blocks of ${name}`, {
    remedy: `direct I/O of ${name} goes in steps of ${logicalBlockBytes} bytes`,
  });
}

function requireRange(option: string, value: number, least: number, most: number, unit: string): void {
  if (value >= least && value <= most) return;
  throw new PeerlaneError("usage", `${option} ${value}: ${least} to ${most} ${unit} can be had`.trimEnd());
}

/** Whether a job writes to its target. */
export function writes({ rw, rwmixreadPercent }: Pick<BenchJob, "rw" | "rwmixreadPercent">): boolean {
  return rw === "write" || rw === "randwrite" || (isMixed(rw) && rwmixreadPercent < 100);
}

/** Whether a job reads from its target. */
export function reads({ rw, rwmixreadPercent }: Pick<BenchJob, "rw" | "rwmixreadPercent">): boolean {
  return rw === "read" || rw === "randread" || (isMixed(rw) && rwmixreadPercent > 0);
}

function isMixed(rw: ReadWrite): boolean {
  return rw === "rw" || rw === "randrw";
}

/** Whether the offsets are random. */
export function isRandom(rw: ReadWrite): boolean {
  return rw.startsWith("rand");
}
