import { type CostCounters, noCost } from "../memory/cost.ts";
import type { Provider } from "../memory/provider.ts";
import type { DmaAddr, PhysAddr, PhysRange } from "../pci/addresses.ts";
import { noEntry } from "../pci/entry-at.ts";
import type { BouncePool } from "./bounce-pool.ts";
import type { DmaDevice, DmaDirection } from "./dma-device.ts";
import { type DmaFailure, type DmaResult, dmaFailure } from "./dma-error.ts";
import type { DmaMapping, DmaOps, StaleReach } from "./dma-ops.ts";
import { ListWalk } from "./list-walk.ts";
import { LiveMappings } from "./live-mappings.ts";
import {
  type MappingContext,
  PeerSegments,
  SEGMENT_BUS_ADDR,
  SEGMENT_MEMORY,
  SEGMENT_REFUSED,
} from "./peer-segments.ts";
import { offsetMappings } from "./provider-ranges.ts";
import { beyondMask, isReachable, reachOf, refuseList, refuseRange, refuseRanges } from "./reach.ts";
import type { Scatterlist } from "./scatterlist.ts";

/**
 * Mapping without an IOMMU (dma-direct, Linux 7.2): RAM at its physical address plus what the host bridge adds, peer
 * memory at its bus address, or through the host bridge as RAM would be. With a pool, RAM beyond the device's mask is
 * bounced (swiotlb); peer memory never is, as no copy in RAM stands for a device's memory.
 *
 * MODEL: a bus address beyond the device's mask is EIO; the kernel hands it out and the device drops the upper bits.
 */
export class DirectMapping implements DmaOps {
  readonly name: "direct" | "swiotlb";
  readonly takesPeers = true;
  readonly cost: CostCounters;
  readonly #segments: PeerSegments;
  readonly #pool: BouncePool | null;
  /** Lists, and which of their entries have bounce buffers. */
  readonly #lists = new LiveMappings<readonly number[]>();
  /** Ranges, and whether a bounce buffer stands for one: the address alone does not tell, where an offset is added. */
  readonly #ranges = new LiveMappings<{ readonly isBounced: boolean }>();

  constructor(context: MappingContext, pool: BouncePool | null) {
    this.name = pool === null ? "direct" : "swiotlb";
    this.cost = context.cost ?? noCost();
    this.#segments = new PeerSegments(context, this.cost);
    this.#pool = pool;
  }

  mapList(device: DmaDevice, list: Scatterlist, direction: DmaDirection): DmaResult<number> {
    const refusal = refuseList(list);
    if (refusal !== null) return refusal;
    const { count } = list;
    const reach = reachOf(device);
    this.#segments.begin(device.bdf);
    const bounced: number[] = [];
    let mapped = 0;
    try {
      for (const walk = new ListWalk(count, this.cost); walk.next(); mapped++) {
        const failure = this.#mapSegment(device, list, walk.index, reach, bounced);
        if (failure !== null) return failure;
      }
      list.dmaCount = count;
      this.#lists.add(list, device, direction, bounced);
      return { ok: true, value: count };
    } finally {
      // On a failure, and where the rules or a copy throw.
      if (mapped < count) for (const index of bounced) this.#unbounceEntry(device, list, index, null);
    }
  }

  #mapSegment(
    device: DmaDevice,
    list: Scatterlist,
    index: number,
    reach: number,
    bounced: number[],
  ): DmaFailure | null {
    const start = (list.phys[index] ?? noEntry(index)) as PhysAddr;
    const length = list.lengths[index] ?? noEntry(index);
    const type = this.#segments.classify(start, length);
    if (type >= SEGMENT_REFUSED) return this.#segments.failure(type, start);
    let address = start + (type === SEGMENT_BUS_ADDR ? this.#segments.busOffset : device.ramBusOffset);
    if (!isReachable(address, length, reach)) {
      const buffer = type === SEGMENT_MEMORY ? this.#bounce(device, start, length, reach) : -1;
      if (buffer < 0) return this.#beyond(device, address, length, type);
      address = buffer;
      bounced.push(index);
    }
    list.dmaAddress[index] = address;
    list.dmaLengths[index] = length;
    list.dmaIsBus[index] = type === SEGMENT_BUS_ADDR ? 1 : 0;
    return null;
  }

  unmapList(device: DmaDevice, list: Scatterlist, direction: DmaDirection): void {
    const bounced = this.#lists.take(list, device, direction);
    let next = 0;
    for (const walk = new ListWalk(list.dmaCount, this.cost); walk.next(); ) {
      list.dmaIsBus[walk.index] = 0;
      if (walk.index !== bounced[next]) continue;
      this.#unbounceEntry(device, list, walk.index, direction);
      next++;
    }
    list.dmaCount = 0;
  }

  /**
   * MODEL: looks for peer pages, and maps them as a list of one would be. The kernel's `dma_map_page` leaves that to its
   * callers.
   */
  mapRange(device: DmaDevice, range: PhysRange, direction: DmaDirection): DmaResult<DmaMapping> {
    const refusal = refuseRange(range);
    if (refusal !== null) return refusal;
    const { start, sizeBytes } = range;
    this.#segments.begin(device.bdf);
    const type = this.#segments.classify(start, sizeBytes);
    if (type >= SEGMENT_REFUSED) return this.#segments.failure(type, start);
    const reach = reachOf(device);
    const isBus = type === SEGMENT_BUS_ADDR;
    let address = start + (isBus ? this.#segments.busOffset : device.ramBusOffset);
    const isBounced = !isReachable(address, sizeBytes, reach);
    if (isBounced) {
      const bounced = type === SEGMENT_MEMORY ? this.#bounce(device, start, sizeBytes, reach) : -1;
      if (bounced < 0) return this.#beyond(device, address, sizeBytes, type);
      address = bounced;
    }
    const mapping: DmaMapping = { address: address as DmaAddr, lengthBytes: sizeBytes, isBus };
    this.#add(mapping, device, direction, { isBounced });
    return { ok: true, value: mapping };
  }

  /** The CPU physical address as it is, without any offset (`dma_map_resource` and `DMA_ATTR_MMIO`, Linux 7.2). */
  mapResource(device: DmaDevice, range: PhysRange, direction: DmaDirection): DmaResult<DmaMapping> {
    const refusal = refuseRange(range);
    if (refusal !== null) return refusal;
    const { start, sizeBytes } = range;
    if (!isReachable(start, sizeBytes, reachOf(device))) return beyondMask(device, start, sizeBytes);
    const mapping: DmaMapping = { address: start as number as DmaAddr, lengthBytes: sizeBytes, isBus: false };
    this.#add(mapping, device, direction, { isBounced: false });
    return { ok: true, value: mapping };
  }

  unmapRange(device: DmaDevice, mapping: DmaMapping, direction: DmaDirection): void {
    const { isBounced } = this.#ranges.take(mapping, device, direction);
    if (isBounced) this.#unbounce(device, mapping.address, mapping.lengthBytes, direction);
  }

  /**
   * MODEL: through the host bridge, what it adds to the address of RAM is added here too, so that the device reaches the
   * ranges. The kernel maps them as MMIO, without it (see {@link mapResource}); both are the same on machines whose host
   * bridges add nothing.
   */
  mapProviderRanges(
    device: DmaDevice,
    provider: Provider,
    ranges: readonly PhysRange[],
    direction: DmaDirection,
  ): DmaResult<readonly DmaMapping[]> {
    const refusal = refuseRanges(ranges);
    if (refusal !== null) return refusal;
    this.#segments.begin(device.bdf);
    const type = this.#segments.classifyRanges(provider, ranges);
    if (type >= SEGMENT_REFUSED) return this.#segments.rangeFailure(type, provider, ranges);
    const isBus = type === SEGMENT_BUS_ADDR;
    const mapped = offsetMappings(device, ranges, isBus ? provider.busOffset : device.ramBusOffset, isBus);
    if (mapped.ok) for (const one of mapped.value) this.#add(one, device, direction, { isBounced: false });
    return mapped;
  }

  unmapProviderRanges(device: DmaDevice, mappings: readonly DmaMapping[], direction: DmaDirection): void {
    for (const mapping of mappings) this.#ranges.require(mapping, device, direction);
    for (const mapping of mappings) this.#ranges.take(mapping, device, direction);
  }

  /** There is nothing to wait for. */
  unlinkProviderRanges(device: DmaDevice, mappings: readonly DmaMapping[], direction: DmaDirection): void {
    this.unmapProviderRanges(device, mappings, direction);
  }

  staleReach(_device: DmaDevice, _mapping: DmaMapping): StaleReach {
    return "bus-address";
  }

  /** The mapping of a range is an object of its own. */
  #add(mapping: DmaMapping, device: DmaDevice, direction: DmaDirection, taken: { readonly isBounced: boolean }): void {
    this.cost.allocations++;
    this.#ranges.add(mapping, device, direction, taken);
  }

  #bounce(device: DmaDevice, phys: PhysAddr, length: number, reach: number): number {
    const pool = this.#pool;
    if (pool === null) return -1;
    const { start, sizeBytes } = pool.range;
    if (!isReachable(start + device.ramBusOffset, sizeBytes, reach)) return -1;
    const buffer = pool.take(phys, length);
    if (buffer < 0) return -1;
    return buffer + device.ramBusOffset;
  }

  #unbounce(device: DmaDevice, address: number, length: number, direction: DmaDirection | null): void {
    const buffer = (address - device.ramBusOffset) as PhysAddr;
    this.#pool?.give(buffer, length, direction);
  }

  #unbounceEntry(device: DmaDevice, list: Scatterlist, index: number, direction: DmaDirection | null): void {
    const address = list.dmaAddress[index] ?? noEntry(index);
    this.#unbounce(device, address, list.dmaLengths[index] ?? noEntry(index), direction);
  }

  #beyond(device: DmaDevice, address: number, length: number, type: number): DmaFailure {
    const failure = beyondMask(device, address, length);
    if (this.#pool === null || type !== SEGMENT_MEMORY) return failure;
    return dmaFailure(failure.errno, `${failure.reason}, and no bounce buffer of ${length} bytes is free within reach`);
  }
}

/** Mapping without an IOMMU and without bounce buffers. */
export function directOps(context: MappingContext): DmaOps {
  return new DirectMapping(context, null);
}
