import type { Machine } from "../host/machine.ts";
import { resolveDevice } from "../host/select.ts";
import { type EnableP2pOptions, enableP2p } from "../memory/enable-p2p.ts";
import { providerOf } from "../memory/machine-bars.ts";
import type { PageMaps } from "../memory/page-maps.ts";
import type { Provider } from "../memory/provider.ts";
import { formatAddress, type PhysAddr, type PhysRange } from "../pci/addresses.ts";
import type { Bar } from "../pci/bar.ts";
import { type Bdf, formatBdf } from "../pci/bdf.ts";
import type { PciFunction } from "../pci/function.ts";
import { isUnknown } from "../pci/known.ts";
import type { PeerMemoryRequest, SystemChoice } from "./system-options.ts";

/** A memory BAR whose place and size are shown. */
interface PlacedBar {
  readonly index: number;
  readonly sizeBytes: number;
}

/**
 * Makes the pools that the machine's drivers registered, and those that are asked for; one pool per function. What was
 * decided on the way.
 */
export function makePeerPools(
  machine: Machine,
  maps: PageMaps,
  asked: readonly PeerMemoryRequest[],
  linearMapEnd: number | null,
): readonly SystemChoice[] {
  const requests = asked.map((request) => ({ ...request, fn: resolveDevice(machine, request.fn) }));
  const choices: SystemChoice[] = [];
  /** Struct pages of a part of a BAR, and a pool over them; false, and why is said, where there can be none. */
  const enable = (fn: Bdf, bar: number, part: Omit<EnableP2pOptions, "pool">): boolean => {
    const { provider, range } = providerOf(machine, fn, bar);
    const start = (range.start + (part.offset ?? 0)) as PhysAddr;
    const sizeBytes = part.sizeBytes ?? range.start + range.sizeBytes - start;
    const why = beyondLinearMap(provider, { start, sizeBytes }, linearMapEnd);
    if (why === null) enableP2p(maps, machine, fn, bar, part);
    else choices.push({ what: "peer-memory", value: `none in ${formatBdf(fn)}`, why });
    return why === null;
  };
  for (const fn of machine.functions) {
    if (isUnknown(fn.p2pmem)) {
      const why = `assumed: ${fn.p2pmem.unknown}`;
      if (mayHaveBuffer(fn)) choices.push({ what: "peer-memory", value: `none in ${formatBdf(fn.bdf)}`, why });
      continue;
    }
    if (fn.p2pmem === null || requests.some((request) => request.fn === fn.bdf)) continue;
    const { sizeBytes, published } = fn.p2pmem;
    const place = placeOfBuffer(fn, sizeBytes);
    if (place === null) {
      const why = `no memory BAR that is shown can hold its ${sizeBytes} bytes`;
      choices.push({ what: "peer-memory", value: `none in ${formatBdf(fn.bdf)}`, why });
      continue;
    }
    const { bar, offset } = place;
    if (!enable(fn.bdf, bar, { offset, sizeBytes, publish: published === true })) continue;
    const value = `BAR ${bar} of ${formatBdf(fn.bdf)} from ${offset} on`;
    const isHidden = isUnknown(published) ? `; taken as not published: ${published.unknown}` : "";
    choices.push({
      what: "peer-memory",
      value,
      why: `sysfs and scenarios show how much there is, not where${isHidden}`,
    });
  }
  for (const { fn, bar, ...part } of requests) enable(fn, bar, part);
  return choices;
}

/** Why memory gets no struct pages: the architecture's linear map ends before it does (`mhp_range_allowed`, Linux 7.2). */
export function beyondLinearMap(provider: Provider, range: PhysRange, linearMapEnd: number | null): string | null {
  if (linearMapEnd === null || range.start + range.sizeBytes <= linearMapEnd) return null;
  const place = `BAR ${provider.bar} of ${formatBdf(provider.owner)} at ${formatAddress(range.start)}`;
  return `no struct pages: ${place} lies beyond the linear map, which ends at ${formatAddress(linearMapEnd)}`;
}

/** An NVMe controller is the only function in the kernel that has a buffer by itself. */
function mayHaveBuffer({ classCode }: PciFunction): boolean {
  return !isUnknown(classCode) && classCode >>> 8 === 0x0108;
}

/**
 * Where a controller memory buffer lies: its place is in registers that no source shows (CMBLOC, NVMe 1.4 sec 3.1.13).
 *
 * MODEL: in the smallest BAR beside BAR 0 that can hold it, from its start; else at the end of BAR 0, behind registers.
 */
function placeOfBuffer(fn: PciFunction, sizeBytes: number): { readonly bar: number; readonly offset: number } | null {
  const fitting = placedBars(fn)
    .filter((bar) => bar.sizeBytes >= sizeBytes)
    .sort((a, b) => a.sizeBytes - b.sizeBytes);
  const own = fitting.find(({ index }) => index !== 0);
  if (own !== undefined) return { bar: own.index, offset: 0 };
  const [registers] = fitting;
  return registers === undefined ? null : { bar: registers.index, offset: registers.sizeBytes - sizeBytes };
}

function placedBars(fn: PciFunction): readonly PlacedBar[] {
  return (isUnknown(fn.bars) ? [] : fn.bars).flatMap((bar: Bar): PlacedBar[] => {
    const { index, kind, physAddress, sizeBytes } = bar;
    const isPlaced = kind === "memory" && index < 6 && physAddress !== null && !isUnknown(physAddress);
    return isPlaced && !isUnknown(sizeBytes) ? [{ index, sizeBytes }] : [];
  });
}
