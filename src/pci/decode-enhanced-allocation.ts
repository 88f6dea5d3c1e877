import { busAddr } from "./addresses.ts";
import type { Bar } from "./bar.ts";
import { CONVENTIONAL_BYTES, type ConfigSpace } from "./config-space.ts";
import { type Known, unknown } from "./known.ts";

const physHidden = unknown("config space holds bus addresses, not CPU addresses");

/** Primary properties that say: look at the secondary ones. */
const SEE_SECONDARY = 0xff;

/** Properties of an entry that stand for memory (prefetchable or not) and I/O (PCIe 6.0 sec 7.8.5.3). */
const MEMORY = 0x00;
const MEMORY_PREFETCHABLE = 0x01;
const IO = 0x02;

/**
 * The BAR-equivalent entries of an Enhanced Allocation capability at `offset`: fixed ranges in place of BARs. Entries
 * that are disabled or of another kind are left out; a list that is cut off is unknown.
 */
export function decodeEnhancedAllocation(
  config: ConfigSpace,
  offset: number,
  headerType: number,
): Known<readonly Bar[]> {
  const entries = config.u8(offset + 2);
  if (entries === undefined) return config.reason(offset + 2);
  const count = entries & 0x3f;
  const bars: Bar[] = [];
  // Bridges have a dword of bus numbers before the first entry.
  let position = offset + (headerType === 1 ? 8 : 4);
  for (let entry = 0; entry < count; entry++) {
    const first = config.u32(position);
    if (first === undefined) return config.reason(position);
    const end = position + 4 * ((first & 0x7) + 1);
    // No entry lies across the end of its space: what stands there is none.
    if (end > CONVENTIONAL_BYTES) break;
    if (end > config.length) return config.reason(end - 1);
    const bar = decodeEntry(config, position, first);
    if (bar !== undefined) bars.push(bar);
    position = end;
  }
  return bars;
}

function decodeEntry(config: ConfigSpace, position: number, first: number): Bar | undefined {
  const index = (first >>> 4) & 0xf;
  const primary = (first >>> 8) & 0xff;
  const properties = primary === SEE_SECONDARY ? (first >>> 16) & 0xff : primary;
  const enabled = (first & 0x80000000) !== 0;
  const isMemory = properties === MEMORY || properties === MEMORY_PREFETCHABLE;
  if (!enabled || index > 5 || !(isMemory || properties === IO)) return undefined;
  const base = config.u32(position + 4);
  const maxOffset = config.u32(position + 8);
  if (base === undefined || maxOffset === undefined) return undefined;
  const wideBase = (base & 0x2) !== 0;
  const wideOffset = (maxOffset & 0x2) !== 0;
  const baseHigh = wideBase ? config.u32(position + 12) : 0;
  const offsetHigh = wideOffset ? config.u32(position + (wideBase ? 16 : 12)) : 0;
  if (baseHigh === undefined || offsetHigh === undefined) return undefined;
  const address = ((base & ~0x3) >>> 0) + baseHigh * 2 ** 32;
  const size = ((maxOffset | 0x3) >>> 0) + offsetHigh * 2 ** 32 + 1;
  if (!Number.isSafeInteger(address) || !Number.isSafeInteger(size)) return undefined;
  return {
    index,
    kind: isMemory ? "memory" : "io",
    is64Bit: wideBase,
    prefetchable: properties === MEMORY_PREFETCHABLE,
    busAddress: busAddr(address),
    physAddress: physHidden,
    sizeBytes: size,
    fromEnhancedAllocation: true,
  };
}
