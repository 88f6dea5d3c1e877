import type { IommuDomain } from "../iommu/domain.ts";
import type { Provider } from "../memory/provider.ts";
import { dmaFromIova, formatAddress, type Iova, type PhysAddr, type PhysRange } from "../pci/addresses.ts";
import { formatBdf } from "../pci/bdf.ts";
import { noEntry } from "../pci/entry-at.ts";
import { PeerlaneError } from "../pci/error.ts";
import { type CostCounters, noCost } from "./cost.ts";
import { directOps } from "./direct.ts";
import type { DmaDevice, DmaDirection } from "./dma-device.ts";
import { type DmaFailure, type DmaResult, dmaFailure } from "./dma-error.ts";
import type { DmaMapping, DmaOps } from "./dma-ops.ts";
import { type DmaDomains, type IovaState, pageEnd, pageStart, permissionOf, tryAllocIova } from "./iova-state.ts";
import { type MappingContext, PeerSegments, SEGMENT_BUS_ADDR, SEGMENT_REFUSED } from "./peer-segments.ts";
import { mappedPages, placeList } from "./place-list.ts";
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
  readonly cost: CostCounters;
  readonly #domains: DmaDomains;
  readonly #beneath: DmaOps;
  readonly #segments: PeerSegments;
  /** The IOVA range of each mapping of page-less ranges, by the mapping; `null` for a range that was mapped by itself. */
  readonly #states = new WeakMap<DmaMapping, IovaState | null>();

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
    this.cost.listPasses += 2;
    this.cost.segmentVisits += list.count;
    this.#segments.begin(device.bdf);
    let bytes = 0;
    const reach = reachOf(device);
    // The DMA side is not in use yet: it holds the bus addresses until the second pass gives them their place.
    for (let index = 0; index < list.count; index++) {
      const phys = (list.phys[index] ?? noEntry(index)) as PhysAddr;
      const length = list.lengths[index] ?? noEntry(index);
      const type = this.#segments.classify(phys);
      if (type >= SEGMENT_REFUSED) return this.#segments.failure(type, phys);
      const isBus = type === SEGMENT_BUS_ADDR;
      list.dmaIsBus[index] = isBus ? 1 : 0;
      if (isBus) {
        const address = phys + this.#segments.busOffset;
        if (!isReachable(address, length, reach)) return beyondMask(device, address, length);
        list.dmaAddress[index] = address;
      } else bytes += pageEnd(phys + length) - pageStart(phys);
    }
    let start = 0;
    if (bytes > 0) {
      const allocated = this.#allocate(domain, device, bytes);
      if (allocated === null) return noSpace(device, bytes);
      start = allocated;
      this.cost.iommuMapCalls++;
    }
    this.cost.segmentVisits += list.count;
    list.dmaCount = placeList(domain, list, start, permissionOf(direction));
    return { ok: true, value: list.dmaCount };
  }

  unmapList(device: DmaDevice, list: Scatterlist, direction: DmaDirection): void {
    const domain = this.#domains.dmaDomainOf(device.bdf);
    if (domain === null) {
      this.#beneath.unmapList(device, list, direction);
      return;
    }
    this.cost.listPasses++;
    this.cost.segmentVisits += list.dmaCount;
    const pages = mappedPages(list);
    if (pages !== null) this.#release(domain, pages.start, pages.sizeBytes);
    list.dmaCount = 0;
  }

  /** MODEL: looks for peer pages, as the direct back end's `mapRange` does. */
  mapRange(device: DmaDevice, range: PhysRange, direction: DmaDirection): DmaResult<DmaMapping> {
    const domain = this.#domains.dmaDomainOf(device.bdf);
    if (domain === null) return this.#beneath.mapRange(device, range, direction);
    const refusal = refuseRange(range);
    if (refusal !== null) return refusal;
    this.#segments.begin(device.bdf);
    const type = this.#segments.classify(range.start);
    if (type >= SEGMENT_REFUSED) return this.#segments.failure(type, range.start);
    if (type !== SEGMENT_BUS_ADDR) return this.#mapOne(domain, device, range, direction);
    const mapped = offsetMappings(device, [range], this.#segments.busOffset, true);
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
    else if (!mapping.isBus) {
      const start = pageStart(mapping.address);
      this.#release(domain, start, pageEnd(mapping.address + mapping.lengthBytes) - start);
    }
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
    const first = ranges[0] as PhysRange;
    this.#segments.begin(device.bdf);
    const type = this.#segments.classifyProvider(provider);
    if (type >= SEGMENT_REFUSED) return this.#segments.rangeFailure(type, first.start);
    if (type === SEGMENT_BUS_ADDR) {
      this.cost.allocations += ranges.length;
      return offsetMappings(device, ranges, provider.busOffset, true);
    }
    return this.#linkAll(device, ranges, direction) ?? this.#mapEach(domain, device, ranges, direction);
  }

  unmapProviderRanges(device: DmaDevice, mappings: readonly DmaMapping[], direction: DmaDirection): void {
    if (this.#domains.dmaDomainOf(device.bdf) === null) {
      this.#beneath.unmapProviderRanges(device, mappings, direction);
      return;
    }
    for (const mapping of mappings) {
      if (mapping.isBus) continue;
      const state = this.#states.get(mapping);
      if (state === undefined)
        throw new PeerlaneError("bad-input", "not a mapping of page-less ranges, or unmapped twice");
      this.#states.delete(mapping);
      if (state === null) this.unmapRange(device, mapping, direction);
      else state.destroy();
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
    this.#states.set(mapping, state);
    this.cost.allocations++;
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
    for (const mapping of mappings) this.#states.set(mapping, null);
    this.cost.allocations += ranges.length;
    return { ok: true, value: mappings };
  }

  #mapOne(domain: IommuDomain, device: DmaDevice, range: PhysRange, direction: DmaDirection): DmaResult<DmaMapping> {
    const page = pageStart(range.start);
    const bytes = pageEnd(range.start + range.sizeBytes) - page;
    const start = this.#allocate(domain, device, bytes);
    if (start === null) return noSpace(device, bytes);
    domain.map(start, page as PhysAddr, bytes, permissionOf(direction));
    this.cost.iommuMapCalls++;
    const address = dmaFromIova((start + (range.start - page)) as Iova);
    return { ok: true, value: { address, lengthBytes: range.sizeBytes, isBus: false } };
  }

  #allocate(domain: IommuDomain, device: DmaDevice, bytes: number): Iova | null {
    const start = domain.iovas.allocate(bytes, device.maskBits);
    if (start !== null) this.cost.iovaAllocations++;
    return start;
  }

  #release(domain: IommuDomain, start: number, bytes: number): void {
    this.cost.iommuUnmapCalls++;
    this.cost.iovaAllocations++;
    this.cost.iommuFlushes += domain.release(start as Iova, bytes);
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
