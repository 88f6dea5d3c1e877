import { busAddr } from "./addresses.ts";
import type { Bar } from "./bar.ts";
import type { BridgeRegisters, BridgeWindow } from "./bridge.ts";
import type { ConfigSpace } from "./config-space.ts";
import { type Known, type Unknown, unknown } from "./known.ts";

const FIRST_BAR = 0x10;
const sizeHidden: Unknown = unknown("config space holds the address of a BAR, not its size");
const physHidden: Unknown = unknown("config space holds bus addresses, not CPU addresses");
const tooHigh: Unknown = unknown("the BAR holds an address beyond 2^53, which no machine has");

const lastSlot: Unknown = unknown("the last BAR register claims 64 bits, and there is no register for its upper half");

/** BAR registers by header type: endpoints have six, bridges two, CardBus bridges one. */
const barCounts = [6, 2, 1] as const;

/** Decodes the base address registers of a header (PCI 3.0 sec 6.2.5); an unimplemented one (all zero) is left out. */
export function decodeBars(config: ConfigSpace, headerType: number): Known<readonly Bar[]> {
  const count = barCounts[headerType] ?? 0;
  const bars: Bar[] = [];
  for (let index = 0; index < count; index++) {
    const offset = FIRST_BAR + 4 * index;
    const low = config.u32(offset);
    if (low === undefined) return config.reason(offset);
    if (low === 0) continue;
    const is64Bit = (low & 0x7) === 0x4;
    if (is64Bit && index === count - 1) return lastSlot;
    const high = is64Bit ? config.u32(offset + 4) : 0;
    if (high === undefined) return config.reason(offset + 4);
    bars.push(makeBar(index, low, high));
    if (is64Bit) index++;
  }
  return bars;
}

function makeBar(index: number, low: number, high: number): Bar {
  const isIo = (low & 1) === 1;
  const address = isIo ? (low & ~0x3) >>> 0 : ((low & ~0xf) >>> 0) + high * 2 ** 32;
  return {
    index,
    kind: isIo ? "io" : "memory",
    is64Bit: !isIo && (low & 0x6) === 0x4,
    prefetchable: !isIo && (low & 0x8) !== 0,
    busAddress: address === 0 ? null : Number.isSafeInteger(address) ? busAddr(address) : tooHigh,
    physAddress: address === 0 ? null : physHidden,
    sizeBytes: sizeHidden,
    fromEnhancedAllocation: false,
  };
}

/** Decodes bus numbers and windows of a type 1 header (PCI-to-PCI Bridge 1.2 sec 3.2.5), `null` for an endpoint. */
export function decodeBridge(config: ConfigSpace, headerType: number): Known<BridgeRegisters | null> {
  if (headerType === 0) return null;
  const buses = config.u32(0x18);
  if (buses === undefined) return config.reason(0x18);
  return {
    primary: buses & 0xff,
    secondary: (buses >>> 8) & 0xff,
    subordinate: (buses >>> 16) & 0xff,
    windows: headerType === 1 ? decodeWindows(config) : unknown("the windows of CardBus bridges are not decoded"),
  };
}

function decodeWindows(config: ConfigSpace): Known<readonly BridgeWindow[]> {
  const words = config.all32(0x1c, 0x20, 0x24, 0x28, 0x2c, 0x30);
  if (!Array.isArray(words)) return words as Unknown;
  const [io = 0, memory = 0, prefetchable = 0, prefetchableBaseHigh = 0, prefetchableLimitHigh = 0, ioHigh = 0] =
    words as readonly number[];
  const windows: BridgeWindow[] = [];
  const add = (kind: BridgeWindow["kind"], base: number, limit: number): void => {
    if (base <= limit && Number.isSafeInteger(limit))
      windows.push({ kind, start: busAddr(base), size: limit - base + 1 });
  };
  const io32 = (io & 0xf) === 1;
  add(
    "io",
    (io & 0xf0) * 0x100 + (io32 ? (ioHigh & 0xffff) * 0x10000 : 0),
    (io & 0xf000) + 0xfff + (io32 ? (ioHigh >>> 16) * 0x10000 : 0),
  );
  add("memory", (memory & 0xfff0) * 0x10000, ((memory >>> 20) & 0xfff) * 0x100000 + 0xfffff);
  const wide = (prefetchable & 0xf) === 1;
  add(
    "prefetchable",
    (prefetchable & 0xfff0) * 0x10000 + (wide ? prefetchableBaseHigh * 2 ** 32 : 0),
    ((prefetchable >>> 20) & 0xfff) * 0x100000 + 0xfffff + (wide ? prefetchableLimitHigh * 2 ** 32 : 0),
  );
  // Registers that were never set read as zero in base and limit, where nothing lies.
  const isSet: Readonly<Record<BridgeWindow["kind"], boolean>> = {
    io: (io & 0xf0f0) !== 0 || ioHigh !== 0,
    memory: (memory & 0xfff0fff0) !== 0,
    prefetchable: (prefetchable & 0xfff0fff0) !== 0 || prefetchableBaseHigh !== 0,
  };
  return windows.filter((window) => isSet[window.kind]);
}
