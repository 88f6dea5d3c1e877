import type { Provider } from "../memory/provider.ts";
import type { DmaAddr, PhysAddr, PhysRange } from "../pci/addresses.ts";
import { noEntry } from "../pci/entry-at.ts";
import type { BouncePool } from "./bounce-pool.ts";
import { type CostCounters, noCost } from "./cost.ts";
import type { DmaDevice, DmaDirection } from "./dma-device.ts";
import { type DmaFailure, type DmaResult, dmaFailure } from "./dma-error.ts";
import type { DmaMapping, DmaOps } from "./dma-ops.ts";
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
  readonly cost: CostCounters;
  readonly #segments: PeerSegments;
  readonly #pool: BouncePool | null;
  /** Resources whose address looks like a bounce buffer's, where an offset makes it so: nothing is bounced there. */
  readonly #notBounced = new WeakSet<DmaMapping>();

  constructor(context: MappingContext, pool: BouncePool | null) {
    this.name = pool === null ? "direct" : "swiotlb";
    this.cost = context.cost ?? noCost();
    this.#segments = new PeerSegments(context, this.cost);
    this.#pool = pool;
  }

  mapList(device: DmaDevice, list: Scatterlist, _direction: DmaDirection): DmaResult<number> {
    const refusal = refuseList(list);
    if (refusal !== null) return refusal;
    const { count } = list;
    const reach = reachOf(device);
    this.cost.listPasses++;
    this.#segments.begin(device.bdf);
    let mapped = 0;
    try {
      for (; mapped < count; mapped++) {
        const failure = this.#mapSegment(device, list, mapped, reach);
        if (failure !== null) return failure;
      }
      list.dmaCount = count;
      return { ok: true, value: count };
    } finally {
      // On a failure, and where the rules or a copy throw.
      if (mapped < count) this.#unbounceList(device, list, mapped, null);
    }
  }

  #mapSegment(device: DmaDevice, list: Scatterlist, index: number, reach: number): DmaFailure | null {
    this.cost.segmentVisits++;
    const start = (list.phys[index] ?? noEntry(index)) as PhysAddr;
    const length = list.lengths[index] ?? noEntry(index);
    const type = this.#segments.classify(start);
    if (type >= SEGMENT_REFUSED) return this.#segments.failure(type, start);
    let address = start + (type === SEGMENT_BUS_ADDR ? this.#segments.busOffset : device.ramBusOffset);
    if (!isReachable(address, length, reach)) {
      const bounced = type === SEGMENT_MEMORY ? this.#bounce(device, start, length, reach) : -1;
      if (bounced < 0) return this.#beyond(device, address, length, type);
      address = bounced;
    }
    list.dmaAddress[index] = address;
    list.dmaLengths[index] = length;
    list.dmaIsBus[index] = type === SEGMENT_BUS_ADDR ? 1 : 0;
    return null;
  }

  unmapList(device: DmaDevice, list: Scatterlist, direction: DmaDirection): void {
    this.cost.listPasses++;
    this.cost.segmentVisits += list.dmaCount;
    this.#unbounceList(device, list, list.dmaCount, direction);
    list.dmaCount = 0;
  }

  /**
   * MODEL: looks for peer pages, and maps them as a list of one would be. The kernel's `dma_map_page` leaves that to its
   * callers.
   */
  mapRange(device: DmaDevice, range: PhysRange, _direction: DmaDirection): DmaResult<DmaMapping> {
    const refusal = refuseRange(range);
    if (refusal !== null) return refusal;
    const { start, sizeBytes } = range;
    this.#segments.begin(device.bdf);
    const type = this.#segments.classify(start);
    if (type >= SEGMENT_REFUSED) return this.#segments.failure(type, start);
    const reach = reachOf(device);
    const isBus = type === SEGMENT_BUS_ADDR;
    let address = start + (isBus ? this.#segments.busOffset : device.ramBusOffset);
    if (!isReachable(address, sizeBytes, reach)) {
      const bounced = type === SEGMENT_MEMORY ? this.#bounce(device, start, sizeBytes, reach) : -1;
      if (bounced < 0) return this.#beyond(device, address, sizeBytes, type);
      address = bounced;
    }
    return { ok: true, value: { address: address as DmaAddr, lengthBytes: sizeBytes, isBus } };
  }

  /** The CPU physical address as it is, without any offset (`dma_map_resource` and `DMA_ATTR_MMIO`, Linux 7.2). */
  mapResource(device: DmaDevice, range: PhysRange, _direction: DmaDirection): DmaResult<DmaMapping> {
    const refusal = refuseRange(range);
    if (refusal !== null) return refusal;
    const { start, sizeBytes } = range;
    if (!isReachable(start, sizeBytes, reachOf(device))) return beyondMask(device, start, sizeBytes);
    const mapping: DmaMapping = { address: start as number as DmaAddr, lengthBytes: sizeBytes, isBus: false };
    if (this.#pool?.owns(start - device.ramBusOffset)) this.#notBounced.add(mapping);
    return { ok: true, value: mapping };
  }

  unmapRange(device: DmaDevice, mapping: DmaMapping, direction: DmaDirection): void {
    if (!mapping.isBus && !this.#notBounced.has(mapping))
      this.#unbounce(device, mapping.address, mapping.lengthBytes, direction);
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
    _direction: DmaDirection,
  ): DmaResult<readonly DmaMapping[]> {
    const refusal = refuseRanges(ranges);
    if (refusal !== null) return refusal;
    this.#segments.begin(device.bdf);
    const type = this.#segments.classifyProvider(provider);
    if (type >= SEGMENT_REFUSED) return this.#segments.rangeFailure(type, (ranges[0] as PhysRange).start);
    const isBus = type === SEGMENT_BUS_ADDR;
    this.cost.allocations += ranges.length;
    return offsetMappings(device, ranges, isBus ? provider.busOffset : device.ramBusOffset, isBus);
  }

  unmapProviderRanges(_device: DmaDevice, _mappings: readonly DmaMapping[], _direction: DmaDirection): void {
    // Nothing was taken: the addresses follow from the ranges.
  }

  #bounce(device: DmaDevice, phys: PhysAddr, length: number, reach: number): number {
    const pool = this.#pool;
    if (pool === null) return -1;
    const { start, sizeBytes } = pool.range;
    if (!isReachable(start + device.ramBusOffset, sizeBytes, reach)) return -1;
    const buffer = pool.take(phys, length);
    if (buffer < 0) return -1;
    this.cost.bouncedBytes += length;
    return buffer + device.ramBusOffset;
  }

  #unbounce(device: DmaDevice, address: number, length: number, direction: DmaDirection | null): void {
    const phys = address - device.ramBusOffset;
    if (this.#pool?.owns(phys)) this.cost.bouncedBytes += this.#pool.give(phys as PhysAddr, length, direction);
  }

  #unbounceList(device: DmaDevice, list: Scatterlist, count: number, direction: DmaDirection | null): void {
    if (this.#pool === null) return;
    for (let index = 0; index < count; index++) {
      if (list.dmaIsBus[index] === 1) continue;
      this.#unbounce(
        device,
        list.dmaAddress[index] ?? noEntry(index),
        list.dmaLengths[index] ?? noEntry(index),
        direction,
      );
    }
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
