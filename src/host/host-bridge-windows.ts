import { type PhysRange, physAddr, physToBus } from "../pci/addresses.ts";
import { busKeyOf, formatBus } from "../pci/bdf.ts";
import type { PciFunction } from "../pci/function.ts";
import { isUnknown, type Known, unknown } from "../pci/known.ts";
import { type FileTree, readLines } from "./file-tree.ts";
import type { HostBridge, HostBridgeWindow } from "./machine.ts";

const MAX_IOMEM = 1024 * 1024;

/** The host bridges of a tree by the root buses of its functions, with their windows where `proc/iomem` shows them. */
export function readHostBridges(tree: FileTree, functions: readonly PciFunction[]): Known<readonly HostBridge[]> {
  const rootBuses = new Set<number>();
  for (const fn of functions) {
    if (isUnknown(fn.attachment)) return unknown("the copy replaced the links of sys/bus/pci/devices");
    rootBuses.add(fn.attachment.rootBus);
  }
  const iomem = readLines(tree, "proc/iomem", MAX_IOMEM);
  const ranges = iomem?.isWhole === false ? iomemCut : parseIomem(iomem?.text);
  return [...rootBuses]
    .sort((a, b) => a - b)
    .map((rootBus) => ({
      rootBus,
      windows: windowsOf(ranges, functions, rootBus),
      numaNode: numaNodeOf(functions, rootBus),
    }));
}

const iomemCut = unknown("proc/iomem was cut within a line, so that windows may be missing");

function windowsOf(
  ranges: ReturnType<typeof parseIomem>,
  functions: readonly PciFunction[],
  rootBus: number,
): HostBridge["windows"] {
  if (isUnknown(ranges)) return ranges;
  const own = ranges.get(rootBus);
  return own === undefined
    ? unknown(`proc/iomem has no window of bus ${formatBus(rootBus)}`)
    : hostWindows(own, busOffsetOf(functions, rootBus));
}

function hostWindows(ranges: readonly PhysRange[], seenOffset: Known<number>): HostBridgeWindow[] {
  const busOffset =
    isUnknown(seenOffset) || ranges.every(({ start }) => isBusAddress(start + seenOffset))
      ? seenOffset
      : unknown("the addresses of a BAR below this host bridge do not fit its windows");
  return ranges.map(({ start: physStart, sizeBytes }) => ({
    kind: "memory",
    physStart,
    busStart: isUnknown(busOffset) ? busOffset : physToBus(physStart, busOffset),
    sizeBytes,
  }));
}

function isBusAddress(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/** Bus address minus CPU address below a root bus, from any BAR of which both are seen. */
function busOffsetOf(functions: readonly PciFunction[], rootBus: number): Known<number> {
  for (const fn of functions) {
    if (isUnknown(fn.attachment) || fn.attachment.rootBus !== rootBus || isUnknown(fn.bars)) continue;
    for (const { kind, busAddress, physAddress } of fn.bars) {
      if (kind !== "memory" || busAddress === null || physAddress === null) continue;
      if (!isUnknown(busAddress) && !isUnknown(physAddress)) return busAddress - physAddress;
    }
  }
  return unknown("no BAR below this host bridge shows both of its addresses");
}

function numaNodeOf(functions: readonly PciFunction[], rootBus: number): Known<number | null> {
  return (
    functions.find((fn) => busKeyOf(fn.bdf) === rootBus)?.numaNode ?? unknown(`nothing on bus ${formatBus(rootBus)}`)
  );
}

/** Memory windows of root buses from `/proc/iomem`: the lines that name a bus and lie below nothing else. */
export function parseIomem(text: string | undefined): Known<ReadonlyMap<number, readonly PhysRange[]>> {
  if (text === undefined) return unknown("no proc/iomem");
  const windows = new Map<number, PhysRange[]>();
  let sawAddress = false;
  for (const line of text.split("\n")) {
    const match = /^([0-9a-f]{8,16})-([0-9a-f]{8,16}) : (?:PCI Bus ([0-9a-f]{4,8}):([0-9a-f]{2}))?/i.exec(line);
    if (match === null) continue;
    const [start, end, domain, bus] = match.slice(1, 5).map((digits) => Number.parseInt(digits ?? "x", 16));
    if (start === undefined || end === undefined || !Number.isSafeInteger(end)) continue;
    if (end !== 0) sawAddress = true;
    if (domain === undefined || bus === undefined || Number.isNaN(domain) || Number.isNaN(bus)) continue;
    const key = domain * 0x100 + bus;
    const list = windows.get(key) ?? [];
    list.push({ start: physAddr(start), sizeBytes: end - start + 1 });
    windows.set(key, list);
  }
  return sawAddress ? windows : unknown("proc/iomem shows addresses to root only");
}
