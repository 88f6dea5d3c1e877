import type { PciFunction } from "./function.ts";
import { isUnknown } from "./known.ts";

/** What people call a device, from its class code (PCI Code and ID Assignment 1.15 sec 1). */
export type DeviceKind = "gpu" | "nic" | "nvme" | "accel" | "bridge" | "other";

/** The kinds between which people want peer-to-peer transfers. */
export const KINDS_OF_INTEREST: readonly DeviceKind[] = ["gpu", "nic", "nvme", "accel"];

/** What FPGAs and accelerators of clouds say that they are: memory, communication, processing, nothing (ff). */
const FPGA_CLASSES: readonly number[] = [0x05, 0x07, 0x12, 0xff];
/** Registers take less. */
const LARGE_MEMORY_BYTES = 64 * 2 ** 20;

function hasLargeMemory({ bars }: PciFunction): boolean {
  if (isUnknown(bars)) return false;
  return bars.some(
    ({ kind, index, sizeBytes }) =>
      kind === "memory" && index < 6 && !isUnknown(sizeBytes) && sizeBytes >= LARGE_MEMORY_BYTES,
  );
}

/** The kind of a function: of unclear classes (memory, communication, none) `accel` where it has much memory; `other` also where the class is hidden. */
export function deviceKind(fn: PciFunction): DeviceKind {
  if (isUnknown(fn.classCode)) return "other";
  const baseClass = fn.classCode >>> 16;
  if (baseClass === 0x03) return "gpu";
  if (baseClass === 0x02) return "nic";
  if (fn.classCode >>> 8 === 0x0108) return "nvme";
  if (baseClass === 0x12 || fn.classCode >>> 8 === 0x0b40) return "accel";
  if (FPGA_CLASSES.includes(baseClass) && hasLargeMemory(fn)) return "accel";
  return baseClass === 0x06 ? "bridge" : "other";
}

/** True for functions with a bridge's header: the kernel never counts them as clients. */
export function isBridge(fn: PciFunction): boolean {
  if (!isUnknown(fn.headerType)) return fn.headerType !== 0;
  if (!isUnknown(fn.bridge)) return fn.bridge !== null;
  return !isUnknown(fn.classCode) && fn.classCode >>> 8 === 0x0604;
}

/** True when a driver registered peer memory. */
export function hasP2pmem(fn: PciFunction): boolean {
  return !isUnknown(fn.p2pmem) && fn.p2pmem !== null;
}
