import { parseBdf } from "../pci/bdf.ts";
import { HOST } from "./devices.ts";
import type { MeasuredDevice, MeasuredEntry } from "./results.ts";

/** `1 job`, `4 jobs`, `1 of 4 jobs`. */
export function partText(jobs: number, all: number): string {
  if (jobs < all) return `${jobs} of ${all} jobs`;
  return jobs === 1 ? "1 job" : `${jobs} jobs`;
}

/** cuFile moves data between disks and memory of GPUs. */
export function isGpuEngine(engine: string | undefined): boolean {
  return engine === "libcufile";
}

export function memoryOf(option: string | null, engine: string | undefined): MeasuredDevice {
  if (isGpuEngine(engine) || option === "cudamalloc") return { kind: "unknown", why: "a GPU: fio does not say which" };
  const path = /^mmap(?:shared|huge)?:(.{1,4096})$/.exec(option ?? "")?.[1];
  if (path === undefined) return HOST;
  const bdf = parseBdf(/\/([0-9a-f:.]{7,16})\/p2pmem\/allocate$/.exec(path.replaceAll("\\", ""))?.[1] ?? "");
  return bdf === undefined ? { kind: "file", path } : { kind: "bdf", bdf };
}

/** Files from which memory of devices is mapped: `p2pmem/allocate` of sysfs, and `/dev/p2pmem0` of kernels with that driver. */
export function peerOf(memory: MeasuredDevice): MeasuredEntry["peer"] {
  if (memory.kind === "bdf") return "on";
  if (memory.kind === "file") return memory.path.startsWith("/dev/p2pmem") ? "on" : "unknown";
  return memory.kind === "host" ? "off" : "unknown";
}

/** A disk writes into memory what is read from it, and reads from memory what is written. */
export function endsOf(
  isRead: boolean,
  disk: MeasuredDevice,
  memory: MeasuredDevice,
): Pick<MeasuredEntry, "from" | "to" | "mover"> {
  return isRead ? { from: disk, to: memory, mover: "from" } : { from: memory, to: disk, mover: "to" };
}
