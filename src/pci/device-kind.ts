import type { PciFunction } from "./function.ts";
import { isUnknown, type Known } from "./known.ts";

/** What people call a device, from its class code (PCI Code and ID Assignment 1.15 sec 1), else from its name. */
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

/**
 * Names (of pci.ids, as lspci prints them) from which the kind is inferred where a source shows no class. What is on a GPU
 * or NIC beside it, and what only manages others, is none.
 */
const NO_SUCH_NAME =
  /bridge|switch|\bport\b|\bhub\b|root complex|audio|\busb|ucsi|serial|smbus|raid|\bsas|sata|ahci|iscsi|fcoe|recovery|storage controller/i;
/** Names of host bridges, of what stands for one, and of bridges to ISA (LPC): endpoints by their header, and no device. */
const CHIPSET_BRIDGE_NAME =
  /\b(?:host|isa|lpc) bridge\b|\broot complex\b|\bDMI\d?\b|\bDRAM (?:controller|registers)\b|\blpc(?:\/espi)? (?:controller|interface)\b/i;
const NAMED_KINDS: readonly (readonly [name: RegExp, kind: DeviceKind])[] = [
  [/\bNVMe\b|\bSSD\b|\bNon-Volatile memory\b/i, "nvme"],
  [/^Habana Labs|\bGaudi|\bInstinct MI3/, "accel"],
  [/^NVIDIA Corporation (?:NV\d|G\d\d|G[A-Z]\d\d|TU\d\d|AD\d\d)/, "gpu"],
  [/^Advanced Micro Devices.*\b(?:Radeon|FirePro|Instinct|Navi \d|Vega \d)/, "gpu"],
  [/^Intel Corporation .*(?:\bGraphics\b|\bGPU\b|\[Arc )/, "gpu"],
  [
    /\b(?:ConnectX|Ethernet|InfiniBand|NetXtreme|Omni-Path HFI|Elastic Fabric Adapter)\b|\bnetwork (?:connection|adapter|controller|device)\b|\d ?GbE\b/i,
    "nic",
  ],
];

/** True for a function whose class is hidden and whose name is that of a bridge of the chipset. */
export function isChipsetBridgeByName({ classCode, label }: PciFunction): boolean {
  return isUnknown(classCode) && label !== null && CHIPSET_BRIDGE_NAME.test(label);
}

function kindOfName(fn: PciFunction): DeviceKind | undefined {
  if (isChipsetBridgeByName(fn)) return "bridge";
  if (fn.label === null || isBridge(fn) || NO_SUCH_NAME.test(fn.label)) return undefined;
  const { label } = fn;
  return NAMED_KINDS.find(([name]) => name.test(label))?.[1];
}

/** Names of display controllers of BMCs, and their vendors' ids with the devices (all where there is no range). */
const BMC_DISPLAY_NAME = /^ASPEED .*\bGraphics\b|^Matrox .*\bG200/;
const BMC_DISPLAYS: readonly (readonly [vendorId: number, first: number, last: number])[] = [
  [0x1a03, 0, 0xffff],
  // The G200 family, as the kernel's mgag200 lists it (Linux 7.2).
  [0x102b, 0x0520, 0x053f],
];

/** True for the display controller of a BMC (ASPEED, Matrox G200): for a server's console, and no GPU to anyone. */
export function isBmcDisplay({ classCode, vendorId, deviceId, label }: PciFunction): boolean {
  if (isUnknown(classCode)) return label !== null && BMC_DISPLAY_NAME.test(label);
  if (classCode >>> 16 !== 0x03) return false;
  if (isUnknown(vendorId) || isUnknown(deviceId)) return label !== null && BMC_DISPLAY_NAME.test(label);
  return BMC_DISPLAYS.some(([vendor, first, last]) => vendor === vendorId && first <= deviceId && deviceId <= last);
}

/**
 * The kind of a function, where its class or (an inference) its name tells it: of unclear classes (memory, communication,
 * none) `accel` where it has much memory.
 */
export function knownKind(fn: PciFunction): Known<DeviceKind> {
  if (isBmcDisplay(fn)) return "other";
  if (isUnknown(fn.classCode)) return kindOfName(fn) ?? fn.classCode;
  const baseClass = fn.classCode >>> 16;
  if (baseClass === 0x03) return "gpu";
  if (baseClass === 0x02) return "nic";
  if (fn.classCode >>> 8 === 0x0108) return "nvme";
  if (baseClass === 0x12 || fn.classCode >>> 8 === 0x0b40) return "accel";
  if (FPGA_CLASSES.includes(baseClass) && hasLargeMemory(fn)) return "accel";
  return baseClass === 0x06 ? "bridge" : "other";
}

/** {@link knownKind}; `other` also where neither class nor name tells it. */
export function deviceKind(fn: PciFunction): DeviceKind {
  const kind = knownKind(fn);
  return isUnknown(kind) ? "other" : kind;
}

/** True for a function, no bridge, that may be of any kind: its class is hidden, and its name tells nothing. */
export function isKindHidden(fn: PciFunction): boolean {
  return isUnknown(knownKind(fn)) && !isBridge(fn);
}

/** True where the kind is an inference from the name. */
export function isKindOfName(fn: PciFunction): boolean {
  return isUnknown(fn.classCode) && !isUnknown(knownKind(fn));
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
