import type { Bar } from "./bar.ts";
import { busOf, deviceOf, domainOf } from "./bdf.ts";
import { deviceKind, isChipsetBridgeByName, knownKind } from "./device-kind.ts";
import { memoryBars, type PciFunction } from "./function.ts";
import { isUnknown, type Known, unknown } from "./known.ts";

/**
 * The smallest memory of which Linux makes pages: it hot-plugs them in units of 2 MiB (`check_pfn_span`, Linux 5.3 to
 * 7.3). The registers and interrupt tables of an NVMe controller take some KiB.
 */
export const LEAST_PEER_BYTES: number = 2 * 2 ** 20;

const cmbHidden = unknown("the source does not show whether it has a controller memory buffer");

/** True for a function with an endpoint's header: what `isBridge` denies, and unknown where the source hides it. */
export function isEndpoint(fn: PciFunction): Known<boolean> {
  if (!isUnknown(fn.headerType)) return fn.headerType === 0;
  if (!isUnknown(fn.bridge)) return fn.bridge === null;
  if (isUnknown(fn.classCode)) return unknown(fn.headerType.unknown);
  if (fn.classCode >>> 16 !== 0x06) return true;
  if (fn.classCode >>> 8 === 0x0604) return false;
  return isChipsetBridge(fn.classCode) || unknown(fn.headerType.unknown);
}

/** Host and ISA bridges: endpoints by their header, which neither issue requests for anyone nor have a driver that would. */
function isChipsetBridge(classCode: number): boolean {
  return classCode >>> 8 === 0x0600 || classCode >>> 8 === 0x0601;
}

/** Whether a function may read and write memory of peers: every one but bridges, those of the chipset too (host, ISA). */
export function mayBeClient(fn: PciFunction): Known<boolean> {
  const endpoint = isEndpoint(fn);
  if (endpoint === false) return false;
  if (isUnknown(fn.classCode) ? isChipsetBridgeByName(fn) : isChipsetBridge(fn.classCode)) return false;
  if (isUnknown(endpoint)) return endpoint;
  return isUnknown(fn.classCode) ? unknown(fn.classCode.unknown) : true;
}

/** Whether a function has a memory BAR at all, be it of registers only. */
export function hasMemory(fn: PciFunction): Known<boolean> {
  const bars = memoryBars(fn);
  if (bars !== undefined && bars.length === 0) return false;
  const device = mayBeClient(fn);
  if (device !== true) return device;
  return isUnknown(fn.bars) ? unknown(fn.bars.unknown) : true;
}

/**
 * Whether a function may have memory for peers: what a driver registered, the BARs of a GPU or an accelerator, a
 * controller memory buffer. The BARs of everything else are registers. Of an NVMe controller no source but its driver shows
 * the buffer's registers: a BAR that can hold one is taken for it, and without one there is none.
 */
export function mayProvide(fn: PciFunction): Known<boolean> {
  if (!isUnknown(fn.p2pmem) && fn.p2pmem !== null) return true;
  if (mayBeClient(fn) === false) return false;
  const kind = knownKind(fn);
  if (isIntegratedGpu(fn)) return false;
  switch (kind) {
    case "gpu":
    case "accel":
      return memoryBars(fn)?.length !== 0;
    case "nvme":
      return mayHaveBuffer(fn);
    default:
      return isUnknown(kind) ? kind : false;
  }
}

/** True for a GPU whose BARs are known and are none of memory, which is prefetchable, as reading it changes nothing; and whose driver registered none. */
export function isGpuWithoutMemory(fn: PciFunction): boolean {
  if (!isUnknown(fn.p2pmem) && fn.p2pmem !== null) return false;
  const bars = memoryBars(fn);
  return knownKind(fn) === "gpu" && bars !== undefined && bars.length > 0 && !bars.some(mayBeMemory);
}

/** The largest prefetchable BAR of a GPU without memory, in bytes, which is too small for any; `null` where it has none. */
export function smallMemory(fn: PciFunction): number | null {
  if (!isGpuWithoutMemory(fn)) return null;
  const sizes = (memoryBars(fn) ?? []).flatMap(({ prefetchable, sizeBytes }) =>
    prefetchable && !isUnknown(sizeBytes) ? [sizeBytes] : [],
  );
  return sizes.length === 0 ? null : Math.max(...sizes);
}

/**
 * True for a GPU of Intel's processors: 00:02.0 and its virtual functions, which no card is. It has no memory of its own:
 * what it works on is the host's, and its BAR is a window on that.
 */
export function isIntegratedGpu(fn: PciFunction): boolean {
  const { bdf, vendorId, deviceId } = fn;
  if (vendorId !== 0x8086 || isUnknown(deviceId) || knownKind(fn) !== "gpu") return false;
  // A card that is given to a guest may stand there.
  if (DISCRETE_INTEL.some(([first, last]) => first <= deviceId && deviceId <= last)) return false;
  return domainOf(bdf) === 0 && busOf(bdf) === 0 && deviceOf(bdf) === 2;
}

/** Ids of Intel's cards by generation: DG1, DG2 and its servers' kin, Ponte Vecchio, Battlemage, Crescent Island. */
const DISCRETE_INTEL: readonly (readonly [number, number])[] = [
  [0x4905, 0x4909],
  [0x4f80, 0x4f8f],
  [0x5690, 0x56ff],
  [0x0b69, 0x0b6e],
  [0x0bd0, 0x0be5],
  [0xe200, 0xe2ff],
  [0x6740, 0x675f],
];

function mayBeMemory({ prefetchable, sizeBytes }: Bar): boolean {
  return prefetchable && (isUnknown(sizeBytes) || sizeBytes >= LEAST_PEER_BYTES);
}

/** In words why a function that may not provide has nothing for peers: `registers only`. */
export function whyNoMemory(fn: PciFunction): string {
  if (memoryBars(fn)?.length === 0) return "no memory BAR";
  if (isIntegratedGpu(fn)) return "no memory of its own";
  if (smallMemory(fn) !== null) return "too small a BAR";
  return deviceKind(fn) === "nvme" ? "no controller memory buffer" : "registers only";
}

function mayHaveBuffer(fn: PciFunction): Known<boolean> {
  // The driver registers every buffer that it finds.
  if (!isUnknown(fn.p2pmem)) {
    if (fn.driver === "nvme") return false;
    if (isUnknown(fn.driver)) return unknown(fn.driver.unknown);
  }
  const bars = memoryBars(fn);
  if (bars === undefined) return cmbHidden;
  if (bars.some(({ sizeBytes }) => !isUnknown(sizeBytes) && sizeBytes >= LEAST_PEER_BYTES)) return true;
  return bars.some(({ sizeBytes }) => isUnknown(sizeBytes)) ? cmbHidden : false;
}

/** What a provider has for peers, in bytes: what its driver registered, and its largest memory BAR; `null` where there is none. */
export interface ProviderMemory {
  readonly pool: Known<number | null>;
  readonly largestBar: Known<number | null>;
}

/** What a provider has for peers; of virtual functions their own. */
export function memoryOf(provider: PciFunction): ProviderMemory {
  const { bars, p2pmem } = provider;
  const memory = memoryBars(provider) ?? [];
  const hidden = memory.map(({ sizeBytes }) => sizeBytes).find(isUnknown);
  const sizes = memory.flatMap(({ sizeBytes }) => (isUnknown(sizeBytes) ? [] : [sizeBytes]));
  return {
    pool: isUnknown(p2pmem) ? p2pmem : p2pmem === null ? null : p2pmem.sizeBytes,
    largestBar: isUnknown(bars) ? unknown(bars.unknown) : (hidden ?? (sizes.length === 0 ? null : Math.max(...sizes))),
  };
}
