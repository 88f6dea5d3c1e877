import type { DmaDirection } from "../dma/dma-device.ts";
import { type DmaResult, dmaFailure } from "../dma/dma-error.ts";
import { dmaEntries, scatterlist } from "../dma/scatterlist.ts";
import type { Device } from "../host/select.ts";
import type { Provider } from "../memory/provider.ts";
import { type DmaSpan, formatAddress, type PhysAddr, type PhysRange } from "../pci/addresses.ts";
import type { Bdf } from "../pci/bdf.ts";
import { PeerlaneError } from "../pci/error.ts";
import { functionIn, type System } from "./system.ts";

/** Memory mapped for one device. */
export interface MappedMemory {
  readonly spans: readonly DmaSpan[];
  /** What the mapping took is given back; the device must not use the spans any more. */
  unmap(): void;
}

/**
 * Maps runs of physical memory for a function, by the back end that it has: with pages (RAM, p2pmem) as a scatterlist,
 * without pages (a BAR that no pool covers) as ranges of its provider. The result is a failure of the DMA API, with
 * nothing left mapped; throws `bad-input` where runs with and without pages, or of several providers without pages, are
 * mixed, or a run leaves its pool, its BAR or its part of RAM.
 */
export function mapMemory(
  system: System,
  device: Device,
  runs: readonly PhysRange[],
  direction: DmaDirection,
): DmaResult<MappedMemory> {
  const fn = functionIn(system, device, "mapMemory");
  for (const run of runs) requireOneOwner(system, run);
  const withPages = runs.filter(({ start }) => system.maps.kindAt(start) !== null).length;
  if (withPages === runs.length) return mapPages(system, fn, runs, direction);
  if (withPages === 0) return mapRanges(system, fn, runs, direction);
  throw new PeerlaneError("bad-input", "memory with and without pages cannot be in one mapping", {
    remedy: "map the two apart",
  });
}

/** An entry of a scatterlist never crosses pagemaps: back ends look at its first page only. */
function requireOneOwner({ maps, physical }: System, { start, sizeBytes }: PhysRange): void {
  const last = (start + sizeBytes - 1) as PhysAddr;
  if (maps.pagemapAt(start) === maps.pagemapAt(last) && physical.regionAt(start) === physical.regionAt(last)) return;
  throw new PeerlaneError("bad-input", `${sizeBytes} bytes at ${formatAddress(start)} are not one kind of memory`, {
    remedy: "split them where the pool, the BAR or the RAM ends",
  });
}

function mapPages(
  system: System,
  fn: Bdf,
  runs: readonly PhysRange[],
  direction: DmaDirection,
): DmaResult<MappedMemory> {
  const ops = system.opsOf(fn);
  const device = system.deviceOf(fn);
  const list = scatterlist(runs, system.maps);
  const result = ops.mapList(device, list, direction);
  if (!result.ok) return result;
  return { ok: true, value: { spans: dmaEntries(list), unmap: () => ops.unmapList(device, list, direction) } };
}

function mapRanges(
  system: System,
  fn: Bdf,
  runs: readonly PhysRange[],
  direction: DmaDirection,
): DmaResult<MappedMemory> {
  const ops = system.opsOf(fn);
  const device = system.deviceOf(fn);
  const [first] = runs;
  const provider = first === undefined ? null : providerAt(system, first.start);
  if (first === undefined || provider === null) {
    return dmaFailure("EINVAL", `no memory is at ${first === undefined ? "no address" : formatAddress(first.start)}`);
  }
  if (runs.some(({ start }) => providerAt(system, start) !== provider)) {
    throw new PeerlaneError("bad-input", "memory of several providers without pages cannot be in one mapping", {
      remedy: "map each provider's apart",
    });
  }
  const result = ops.mapProviderRanges(device, provider, runs, direction);
  if (!result.ok) return result;
  const mappings = result.value;
  const spans = mappings.map(({ address, lengthBytes }): DmaSpan => ({ address, lengthBytes }));
  return { ok: true, value: { spans, unmap: () => ops.unmapProviderRanges(device, mappings, direction) } };
}

function providerAt(system: System, phys: PhysAddr): Provider | null {
  const region = system.physical.regionAt(phys);
  if (region === null || region.kind !== "bar") return null;
  return system.providers.find(({ owner, bar }) => owner === region.owner && bar === region.bar) ?? null;
}
