import type { Machine } from "../host/machine.ts";
import { requireMachine } from "../host/require-machine.ts";
import {
  type ByteRange,
  formatAddress,
  PAGE_BYTES,
  type PhysAddr,
  type PhysRange,
  physAddr,
} from "../pci/addresses.ts";
import type { Bdf } from "../pci/bdf.ts";
import { PeerlaneError } from "../pci/error.ts";
import { isUnknown } from "../pci/known.ts";
import { type AssignedBar, assignedBars, describeBar } from "./machine-bars.ts";
import { RangeTable } from "./range-table.ts";

/** What CPU physical addresses lead to. */
export type PhysRegion =
  | { readonly kind: "ram"; readonly range: PhysRange }
  | { readonly kind: "bar"; readonly range: PhysRange; readonly owner: Bdf; readonly bar: number };

/** The CPU's physical address space: RAM and BARs, disjoint. Everything else is a hole. */
export class PhysicalMap {
  /** All regions in ascending order. */
  readonly regions: readonly PhysRegion[];
  /** Ranges of RAM in ascending order. */
  readonly ram: readonly PhysRange[];
  readonly #table = new RangeTable<PhysRegion>();

  /** Throws `bad-input` where two of the regions overlap. */
  constructor(regions: readonly PhysRegion[]) {
    for (const region of regions) {
      const { start, sizeBytes } = region.range;
      if (this.#table.add(start, sizeBytes, region)) continue;
      const other = this.#table.overlapping(start, sizeBytes)?.value;
      const what = other === undefined ? "nothing" : describeRegion(other);
      throw new PeerlaneError("bad-input", `${describeRegion(region)} overlaps ${what}`, {
        facts: { start: formatAddress(start), size: formatAddress(sizeBytes) },
        remedy: "two functions cannot answer to one address: correct the addresses of one of them in the source",
      });
    }
    this.regions = this.#table.entries().map(({ value }) => value);
    this.ram = this.regions.filter(({ kind }) => kind === "ram").map(({ range }) => range);
  }

  /** The region that holds an address, `null` for a hole. Allocates nothing. */
  regionAt(phys: PhysAddr): PhysRegion | null {
    return this.#table.valueAt(phys) ?? null;
  }

  /** Bytes from an address to the end of its region; 0 in a hole. */
  bytesToEnd(phys: PhysAddr): number {
    const index = this.#table.indexAt(phys);
    return index < 0 ? 0 : this.#table.endOf(index) - phys;
  }

  /** The CPU physical range of a function's BAR, `null` where it has no address. */
  barRange(owner: Bdf, bar: number): PhysRange | null {
    const region = this.regions.find((each) => each.kind === "bar" && each.owner === owner && each.bar === bar);
    return region?.range ?? null;
  }
}

function describeRegion(region: PhysRegion): string {
  return region.kind === "ram"
    ? `RAM at ${formatAddress(region.range.start)}`
    : describeBar({ ...region.range, owner: region.owner, bar: region.bar, busStart: region.range.start });
}

/** How a machine's physical map is made. */
export interface PhysicalMapOptions {
  /** RAM in bytes, rounded down to pages: a `Machine` does not say how much there is, or where. */
  readonly ramBytes: number;
}

/** Below this, windows are the holes of the PC's first megabyte (VGA, option ROMs), and RAM goes on behind them. */
const FIRST_MEGABYTE = 2 ** 20;
/** Where 32-bit addresses end: RAM that found no place below the windows goes on here. */
const FOUR_GIB = 2 ** 32;
/** The I/O APIC: RAM below 4 GiB ends here at the latest; MSI and firmware follow. */
const IO_APIC = 0xfec0_0000;
/** End of the physical addresses of today's CPUs. */
const PHYS_END = 2 ** 52;

/**
 * The physical map of a machine: its BARs where they are, and RAM from address 0 up around them: below the 32-bit
 * windows, from 4 GiB on, out of each window of a host bridge or bridge. Throws `unsupported` where the source hides a
 * BAR's address, `bad-input` where BARs overlap or the RAM finds no room.
 *
 * MODEL: RAM lies as on a PC on every architecture; a source does not show where it really is, and nothing but the
 * numbers depends on it.
 */
export function physicalMapOf(machine: Machine, options: PhysicalMapOptions): PhysicalMap {
  requireMachine("physicalMapOf", machine);
  const { ramBytes } = options;
  if (!Number.isSafeInteger(ramBytes) || ramBytes < 0) {
    throw new PeerlaneError("bad-input", `${ramBytes} is no number of bytes of RAM`);
  }
  const bars = assignedBars(machine);
  return new PhysicalMap([
    ...bars.map(
      ({ owner, bar, start, sizeBytes }): PhysRegion => ({ kind: "bar", range: { start, sizeBytes }, owner, bar }),
    ),
    ...placeRam(ramBytes, reservedRanges(machine, bars)).map((range): PhysRegion => ({ kind: "ram", range })),
  ]);
}

/**
 * What RAM keeps out of. Bus addresses count like physical ones: a device reaches RAM by its CPU address, and a window
 * or BAR at the same bus address would claim the request.
 */
function reservedRanges(machine: Machine, bars: readonly AssignedBar[]): readonly ByteRange[] {
  const reserved: ByteRange[] = [];
  const reserve = (start: number, sizeBytes: number): void => {
    reserved.push({ start, sizeBytes });
  };
  for (const { start, sizeBytes, busStart } of bars) {
    reserve(start, sizeBytes);
    if (!isUnknown(busStart)) reserve(busStart, sizeBytes);
  }
  for (const bridge of isUnknown(machine.hostBridges) ? [] : machine.hostBridges) {
    for (const { kind, physStart, busStart, sizeBytes } of isUnknown(bridge.windows) ? [] : bridge.windows) {
      if (kind !== "memory") continue;
      reserve(physStart, sizeBytes);
      if (!isUnknown(busStart)) reserve(busStart, sizeBytes);
    }
  }
  for (const { bridge } of machine.functions) {
    if (isUnknown(bridge) || bridge === null || isUnknown(bridge.windows)) continue;
    for (const { kind, start, size } of bridge.windows) if (kind !== "io") reserve(start, size);
  }
  const first = reserved.reduce((low, { start }) => (start >= FIRST_MEGABYTE ? Math.min(low, start) : low), IO_APIC);
  reserve(first, FOUR_GIB - first);
  return reserved.sort((a, b) => a.start - b.start);
}

function placeRam(ramBytes: number, reserved: readonly ByteRange[]): readonly PhysRange[] {
  const ranges: PhysRange[] = [];
  let left = ramBytes - (ramBytes % PAGE_BYTES);
  let free = 0;
  for (const { start, sizeBytes: taken } of [...reserved, { start: PHYS_END, sizeBytes: 0 }]) {
    const gapEnd = start - (start % PAGE_BYTES);
    const sizeBytes = Math.min(left, gapEnd - free);
    if (sizeBytes > 0) {
      ranges.push({ start: physAddr(free), sizeBytes });
      left -= sizeBytes;
    }
    free = Math.max(free, Math.ceil((start + taken) / PAGE_BYTES) * PAGE_BYTES);
  }
  if (left > 0) {
    throw new PeerlaneError("bad-input", `${ramBytes} bytes of RAM find no room beside the machine's windows`, {
      facts: { ram: formatAddress(ramBytes), left: formatAddress(left) },
      remedy: "give the model less RAM",
    });
  }
  return ranges;
}
