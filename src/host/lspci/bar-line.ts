import { busAddr, physAddr } from "../../pci/addresses.ts";
import type { Bar } from "../../pci/bar.ts";
import { type Line, word } from "./line.ts";
import { busAddressNotPrinted, physAddressNotPrinted, sizeNotPrinted, unreadable } from "./reasons.ts";
import type { FunctionRecord } from "./record.ts";

const COLON = 0x3a;
const SPACE = 0x20;
const LESS = 0x3c;
const ROM_INDEX = 6;

const region = word("Region ");
const virtual = word("[virtual] ");
const virtualBehind = word(" [virtual]");
const enhanced = word(" [enhanced]");
const memory = word("Memory at ");
const io = word("I/O ports at ");
const rom = word("Expansion ROM at ");
const unassigned = word("<unassigned>");
const wide = word("(64-bit");
const prefetchable = word(", prefetchable)");
const size = word("[size=");

/**
 * Reads `Region 0: Memory at f0000000 (64-bit, prefetchable) [size=256M]` of `-vv`, and the same without `Region 0: ` of
 * `-v`; false for other lines.
 */
export function readBarLine(line: Line, record: FunctionRecord): boolean {
  let at = line.start;
  let index = -1;
  if (line.has(region)) {
    index = line.decimal(at + region.length);
    if (index < 0 || index > 5 || line.byte(line.next) !== COLON || line.byte(line.next + 1) !== SPACE) return false;
    at = line.next + 2;
  }
  const isVirtual = line.has(virtual, at);
  if (isVirtual) at += virtual.length;
  const isMemory = line.has(memory, at);
  if (!isMemory && !line.has(io, at)) return false;
  if (index < 0) {
    record.areBarsNumbered = false;
    index = lowestIndexBehind(record.bars);
  }
  addBar(line, at + (isMemory ? memory.length : io.length), record, index, isMemory, isVirtual);
  return true;
}

/** Reads `Expansion ROM at fe840000 [disabled] [size=128K]`; false for other lines. */
export function readRomLine(line: Line, record: FunctionRecord): boolean {
  if (!line.has(rom)) return false;
  addBar(line, line.start + rom.length, record, ROM_INDEX, true, false);
  return true;
}

/** `-v` does not number BARs: the index is the lowest that the ones before leave (a 64-bit BAR takes two). */
function lowestIndexBehind(bars: readonly Bar[]): number {
  const last = bars.at(-1);
  return last === undefined ? 0 : last.index + (last.is64Bit ? 2 : 1);
}

function addBar(
  line: Line,
  at: number,
  record: FunctionRecord,
  index: number,
  isMemory: boolean,
  isVirtual: boolean,
): void {
  // The lines of an SR-IOV capability look the same but come later; a second line of one index is none of lspci's.
  if (index > ROM_INDEX || record.bars.some((bar) => bar.index === index)) return;
  record.bars.push({
    index,
    kind: isMemory ? "memory" : "io",
    is64Bit: line.find(wide, at) >= 0,
    prefetchable: line.find(prefetchable, at) >= 0,
    ...readAddresses(line, at, isVirtual || line.find(virtualBehind, at) >= 0),
    fromEnhancedAllocation: line.find(enhanced, at) >= 0,
  });
}

/**
 * With a size, the kernel's own resource is printed, which is a CPU address. Without one (`lspci -b`, `-F`, systems other
 * than Linux) it is what the register holds.
 */
function readAddresses(
  line: Line,
  at: number,
  isVirtual: boolean,
): Pick<Bar, "busAddress" | "physAddress" | "sizeBytes"> {
  const sizeAt = line.find(size, at);
  const sizeBytes = sizeAt < 0 ? -1 : readSize(line, sizeAt + size.length);
  const known = { sizeBytes: sizeBytes > 0 ? sizeBytes : sizeNotPrinted };
  if (line.byte(at) === LESS) {
    if (line.has(unassigned, at)) return { busAddress: null, physAddress: null, ...known };
    // `<ignored>`: the register holds an address that the kernel did not take.
    return { busAddress: busAddressNotPrinted, physAddress: null, ...known };
  }
  const address = line.hex(at);
  if (address < 0) return { busAddress: unreadable, physAddress: unreadable, ...known };
  // An I/O BAR at address zero with decode on is printed as 0000.
  if (address === 0) return { busAddress: null, physAddress: null, ...known };
  return sizeAt >= 0 || isVirtual
    ? { busAddress: busAddressNotPrinted, physAddress: physAddr(address), ...known }
    : { busAddress: busAddr(address), physAddress: physAddressNotPrinted, ...known };
}

const sizeUnits = new Map([
  [0x5d, 1], // ]
  [0x4b, 2 ** 10], // K
  [0x4d, 2 ** 20], // M
  [0x47, 2 ** 30], // G
  [0x54, 2 ** 40], // T
]);

function readSize(line: Line, at: number): number {
  const count = line.decimal(at);
  const bytes = count * (sizeUnits.get(line.byte(line.next)) ?? -1);
  return count > 0 && Number.isSafeInteger(bytes) ? bytes : -1;
}
