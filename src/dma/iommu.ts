import type { IommuDomain } from "../iommu/domain.ts";
import { type CostCounters, noCost } from "../memory/cost.ts";
import type { Provider } from "../memory/provider.ts";
import {
  dmaFromIova,
  formatAddress,
  type Iova,
  type IovaRange,
  type PhysAddr,
  type PhysRange,
} from "../pci/addresses.ts";
import { formatBdf } from "../pci/bdf.ts";
import { noEntry } from "../pci/entry-at.ts";
import { directOps } from "./direct.ts";
import type { DmaDevice, DmaDirection } from "./dma-device.ts";
import { type DmaFailure, type DmaResult, dmaFailure } from "./dma-error.ts";
import type { DmaMapping, DmaOps, StaleReach } from "./dma-ops.ts";
import {
  allocateIova,
  type DmaDomains,
  IovaState,
  pageEnd,
  pageStart,
  permissionOf,
  tryAllocIova,
} from "./iova-state.ts";
import { ListWalk } from "./list-walk.ts";
import { LiveMappings } from "./live-mappings.ts";
import { type MappingContext, PeerSegments, SEGMENT_BUS_ADDR, SEGMENT_REFUSED } from "./peer-segments.ts";
import { placeList } from "./place-list.ts";
import { offsetMappings } from "./provider-ranges.ts";
import { beyondMask, isReachable, reachOf, refuseList, refuseRange, refuseRanges } from "./reach.ts";
import type { Scatterlist } from "./scatterlist.ts";

/** What {@link iommuOps} needs. */
export interface IommuContext extends MappingContext {
  readonly domains: DmaDomains;
  /** What maps for devices that no IOMMU translates (passthrough); {@link directOps} unless given. */
  readonly beneath?: DmaOps;
}

/**
 * Mapping with an IOMMU (dma-iommu, Linux 7.2): all of a list that is not at bus addresses gets one IOVA range and is
 * mapped in one batch; entries that follow each other there become one. Bus addresses stay outside of it.
 *
 * MODEL: no limits on the size or the boundaries of an entry; every device is trusted, so nothing is bounced; a bus
 * address beyond the device's mask is EIO, where the kernel hands it out.
 */
class IommuMapping implements DmaOps {
  readonly name = "iommu";
  readonly takesPeers = true;
  readonly cost: CostCounters;
  readonly #domains: DmaDomains;
  readonly #beneath: DmaOps;
  readonly #segments: PeerSegments;
  /** The pages of IOVA space of each list; `null` where all of it has bus addresses. */
  readonly #lists = new LiveMappings<IovaRange | null>();
  /** The same of each range, or the state of the ranges that were linked together. */
  readonly #ranges = new LiveMappings<IovaRange | IovaState | null>();

  /** How often the queue of a lazy domain had been flushed when a mapping was undone: the next flush closes it. */
  readonly #queuedAt = new WeakMap<DmaMapping, number>();

  constructor(context: IommuContext) {
    this.cost = context.cost ?? noCost();
    this.#domains = context.domains;
    this.#beneath = context.beneath ?? directOps({ ...context, cost: this.cost });
    this.#segments = new PeerSegments(context, this.cost);
  }

  mapList(device: DmaDevice, list: Scatterlist, direction: DmaDirection): DmaResult<number> {
    const domain = this.#domains.dmaDomainOf(device.bdf);
    if (domain === null) return this.#beneath.mapList(device, list, direction);
    const refusal = refuseList(list);
    if (refusal !== null) return refusal;
    this.#segments.begin(device.bdf);
    let bytes = 0;
    const reach = reachOf(device);
    // The DMA side is not in use yet: it holds the bus addresses until the second pass gives them their place.
    for (const walk = new ListWalk(list.count, this.cost); walk.next(); ) {
      const { index } = walk;
      const phys = (list.phys[index] ?? noEntry(index)) as PhysAddr;
      const length = list.lengths[index] ?? noEntry(index);
      const type = this.#segments.classify(phys, length);
      if (type >= SEGMENT_REFUSED) return this.#segments.failure(type, phys);
      const isBus = type === SEGMENT_BUS_ADDR;
      list.dmaIsBus[index] = isBus ? 1 : 0;
      if (isBus) {
        const address = phys + this.#segments.busOffset;
        if (!isReachable(address, length, reach)) return beyondMask(device, address, length);
        list.dmaAddress[index] = address;
      } else bytes += pageEnd(phys + length) - pageStart(phys);
    }
    let pages: IovaRange | null = null;
    if (bytes > 0) {
      const start = allocateIova(domain, device, bytes);
      if (start === null) return noSpace(device, bytes);
      pages = { start, sizeBytes: bytes };
    }
    list.dmaCount = placeList(domain, list, pages?.start ?? 0, permissionOf(direction), this.cost);
    this.#lists.add(list, device, direction, pages);
    return { ok: true, value: list.dmaCount };
  }

  unmapList(device: DmaDevice, list: Scatterlist, direction: DmaDirection): void {
    const domain = this.#domains.dmaDomainOf(device.bdf);
    if (domain === null) {
      this.#beneath.unmapList(device, list, direction);
      return;
    }
    const pages = this.#lists.take(list, device, direction);
    for (const walk = new ListWalk(list.dmaCount, this.cost); walk.next(); ) list.dmaIsBus[walk.index] = 0;
    if (pages !== null) this.#release(domain, pages);
    list.dmaCount = 0;
  }

  /** MODEL: looks for peer pages, as the direct back end's `mapRange` does. */
  mapRange(device: DmaDevice, range: PhysRange, direction: DmaDirection): DmaResult<DmaMapping> {
    const domain = this.#domains.dmaDomainOf(device.bdf);
    if (domain === null) return this.#beneath.mapRange(device, range, direction);
    const refusal = refuseRange(range);
    if (refusal !== null) return refusal;
    this.#segments.begin(device.bdf);
    const type = this.#segments.classify(range.start, range.sizeBytes);
    if (type >= SEGMENT_REFUSED) return this.#segments.failure(type, range.start);
    if (type !== SEGMENT_BUS_ADDR) return this.#mapOne(domain, device, range, direction);
    const mapped = this.#atBusAddresses(device, [range], this.#segments.busOffset, direction);
    return mapped.ok ? { ok: true, value: mapped.value[0] as DmaMapping } : mapped;
  }

  /** Any MMIO gets an IOVA: the IOMMU makes up for whatever offset lies between (`iommu_dma_map_phys`, Linux 7.2). */
  mapResource(device: DmaDevice, range: PhysRange, direction: DmaDirection): DmaResult<DmaMapping> {
    const domain = this.#domains.dmaDomainOf(device.bdf);
    if (domain === null) return this.#beneath.mapResource(device, range, direction);
    return refuseRange(range) ?? this.#mapOne(domain, device, range, direction);
  }

  unmapRange(device: DmaDevice, mapping: DmaMapping, direction: DmaDirection): void {
    const domain = this.#domains.dmaDomainOf(device.bdf);
    if (domain === null) this.#beneath.unmapRange(device, mapping, direction);
    else this.#give(domain, mapping, this.#ranges.take(mapping, device, direction));
  }

  /**
   * One mapping for all ranges where they go through the host bridge and one IOVA range for all is free; else one each, as
   * at bus addresses.
   */
  mapProviderRanges(
    device: DmaDevice,
    provider: Provider,
    ranges: readonly PhysRange[],
    direction: DmaDirection,
  ): DmaResult<readonly DmaMapping[]> {
    const domain = this.#domains.dmaDomainOf(device.bdf);
    if (domain === null) {
      return this.#beneath.mapProviderRanges(device, provider, ranges, direction);
    }
    const refusal = refuseRanges(ranges);
    if (refusal !== null) return refusal;
    this.#segments.begin(device.bdf);
    const type = this.#segments.classifyRanges(provider, ranges);
    if (type >= SEGMENT_REFUSED) return this.#segments.rangeFailure(type, provider, ranges);
    if (type === SEGMENT_BUS_ADDR) return this.#atBusAddresses(device, ranges, provider.busOffset, direction);
    return this.#linkAll(device, ranges, direction) ?? this.#mapEach(domain, device, ranges, direction);
  }

  unmapProviderRanges(device: DmaDevice, mappings: readonly DmaMapping[], direction: DmaDirection): void {
    const domain = this.#domains.dmaDomainOf(device.bdf);
    if (domain === null) {
      this.#beneath.unmapProviderRanges(device, mappings, direction);
      return;
    }
    for (const mapping of mappings) this.#ranges.require(mapping, device, direction);
    for (const mapping of mappings) this.#give(domain, mapping, this.#ranges.take(mapping, device, direction));
  }

  unlinkProviderRanges(device: DmaDevice, mappings: readonly DmaMapping[], direction: DmaDirection): void {
    const domain = this.#domains.dmaDomainOf(device.bdf);
    if (domain === null) {
      this.#beneath.unlinkProviderRanges(device, mappings, direction);
      return;
    }
    for (const mapping of mappings) this.#ranges.require(mapping, device, direction);
    for (const mapping of mappings) this.#unlink(domain, this.#ranges.take(mapping, device, direction));
  }

  staleReach(device: DmaDevice, mapping: DmaMapping): StaleReach {
    const domain = this.#domains.dmaDomainOf(device.bdf);
    if (domain === null) return this.#beneath.staleReach(device, mapping);
    if (mapping.isBus) return "bus-address";
    return this.#queuedAt.get(mapping) === domain.counters.queueFlushes ? "until-flush" : "nothing";
  }

  #unlink(domain: IommuDomain, taken: IovaRange | IovaState | null): void {
    if (taken instanceof IovaState) {
      taken.unlink(0, taken.sizeBytes);
      taken.free();
    } else if (taken !== null) {
      domain.releaseNow(taken.start, taken.sizeBytes);
    }
  }

  /** All ranges in one IOVA range; `null` where none of their size is free. */
  #linkAll(
    device: DmaDevice,
    ranges: readonly PhysRange[],
    direction: DmaDirection,
  ): DmaResult<readonly DmaMapping[]> | null {
    const sizeBytes = ranges.reduce((sum, range) => sum + range.sizeBytes, 0);
    const state = tryAllocIova(this.#domains, device, (ranges[0] as PhysRange).start, sizeBytes, this.cost);
    if (state === null) return null;
    let offset = 0;
    for (const range of ranges) {
      const linked = state.link(range.start, offset, range.sizeBytes, direction);
      if (!linked.ok) {
        state.destroy();
        return linked;
      }
      offset += range.sizeBytes;
    }
    state.sync(0, sizeBytes);
    const mapping: DmaMapping = { address: dmaFromIova(state.address), lengthBytes: sizeBytes, isBus: false };
    this.#add(mapping, device, direction, state);
    return { ok: true, value: [mapping] };
  }

  /** Each range in an IOVA range of its own. */
  #mapEach(
    domain: IommuDomain,
    device: DmaDevice,
    ranges: readonly PhysRange[],
    direction: DmaDirection,
  ): DmaResult<readonly DmaMapping[]> {
    const mappings: DmaMapping[] = [];
    for (const range of ranges) {
      const mapped = this.#mapOne(domain, device, range, direction);
      if (!mapped.ok) {
        for (const mapping of mappings) this.unmapRange(device, mapping, direction);
        return mapped;
      }
      mappings.push(mapped.value);
    }
    return { ok: true, value: mappings };
  }

  #mapOne(domain: IommuDomain, device: DmaDevice, range: PhysRange, direction: DmaDirection): DmaResult<DmaMapping> {
    const page = pageStart(range.start);
    const bytes = pageEnd(range.start + range.sizeBytes) - page;
    const start = allocateIova(domain, device, bytes);
    if (start === null) return noSpace(device, bytes);
    domain.map(start, page as PhysAddr, bytes, permissionOf(direction));
    const address = dmaFromIova((start + (range.start - page)) as Iova);
    const mapping: DmaMapping = { address, lengthBytes: range.sizeBytes, isBus: false };
    this.#add(mapping, device, direction, { start, sizeBytes: bytes });
    return { ok: true, value: mapping };
  }

  #atBusAddresses(
    device: DmaDevice,
    ranges: readonly PhysRange[],
    busOffset: number,
    direction: DmaDirection,
  ): DmaResult<readonly DmaMapping[]> {
    const mapped = offsetMappings(device, ranges, busOffset, true);
    if (mapped.ok) for (const mapping of mapped.value) this.#add(mapping, device, direction, null);
    return mapped;
  }

  /** The mapping of a range is an object of its own. */
  #add(mapping: DmaMapping, device: DmaDevice, direction: DmaDirection, taken: IovaRange | IovaState | null): void {
    this.cost.allocations++;
    this.#ranges.add(mapping, device, direction, taken);
  }

  #give(domain: IommuDomain, mapping: DmaMapping, taken: IovaRange | IovaState | null): void {
    if (taken instanceof IovaState) taken.destroy();
    else if (taken !== null) this.#release(domain, taken);
    if (domain.invalidation === "lazy") this.#queuedAt.set(mapping, domain.counters.queueFlushes);
  }

  #release(domain: IommuDomain, { start, sizeBytes }: IovaRange): void {
    domain.release(start, sizeBytes);
  }
}

function noSpace(device: DmaDevice, bytes: number): DmaFailure {
  const within = `below ${formatAddress(reachOf(device))}`;
  return dmaFailure("ENOMEM", `no ${bytes} bytes of IOVA space are free ${within} for ${formatBdf(device.bdf)}`);
}

/** Mapping with an IOMMU; devices in passthrough are mapped by what is beneath. */
export function iommuOps(context: IommuContext): DmaOps {
  return new IommuMapping(context);
}
