import { busAddr } from "../../pci/addresses.ts";
import { type Line, word } from "./line.ts";
import { physAddressNotPrinted } from "./reasons.ts";
import type { AllocationEntry, FunctionRecord } from "./record.ts";

const entry = word("Entry ");
const enabled = word("Enable+");
const indicator = word("BAR Equivalent Indicator: BAR ");
const primary = word("PrimaryProperties: ");
const base = word("Base: ");
const maxOffset = word("MaxOffset: ");

/** Properties of entries that stand for BARs (PCIe 6.0 sec 7.8.5.3); VF ranges and ranges behind bridges do not. */
const kinds = new Map([
  ["memory space, non-prefetchable", { kind: "memory", prefetchable: false }],
  ["memory space, prefetchable", { kind: "memory", prefetchable: true }],
  ["I/O space", { kind: "io", prefetchable: false }],
] as const);

/** Reads the five lines of each entry of an Enhanced Allocation capability; an enabled one becomes a BAR. */
export function readAllocationLine(line: Line, record: FunctionRecord): void {
  if (line.has(entry)) {
    record.allocation = { isEnabled: line.find(enabled) >= 0, index: -1, kind: undefined, base: -1, is64Bit: false };
    return;
  }
  const open = record.allocation;
  if (open === undefined) return;
  if (line.has(indicator)) open.index = line.decimal(line.start + indicator.length);
  else if (line.has(primary)) open.kind = kinds.get(line.text(line.start + primary.length) as never);
  else if (line.has(base)) {
    open.base = line.hex(line.start + base.length);
    // The upper half is printed before the eight digits of the lower one.
    open.is64Bit = line.next - line.start - base.length > 8;
  } else if (line.has(maxOffset)) {
    finishEntry(open, line.hex(line.start + maxOffset.length), record);
  }
}

function finishEntry(open: AllocationEntry, offset: number, record: FunctionRecord): void {
  record.allocation = undefined;
  const { isEnabled, index, kind, base: start, is64Bit } = open;
  if (!isEnabled || index < 0 || index > 5 || kind === undefined || start < 0 || offset < 0) return;
  if (!Number.isSafeInteger(start + offset + 1) || record.allocatedBars.some((bar) => bar.index === index)) return;
  record.allocatedBars.push({
    index,
    ...kind,
    is64Bit,
    busAddress: busAddr(start),
    physAddress: physAddressNotPrinted,
    sizeBytes: offset + 1,
    fromEnhancedAllocation: true,
  });
}
