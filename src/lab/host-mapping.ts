import type { BouncePool } from "../dma/bounce-pool.ts";
import type { CostCounters } from "../dma/cost.ts";
import type { DmaDevice, DmaDirection } from "../dma/dma-device.ts";
import { type DmaFailure, type DmaResult, dmaFailure } from "../dma/dma-error.ts";
import { allocateIova, type DmaDomains, pageEnd, pageStart, permissionOf } from "../dma/iova-state.ts";
import { mappedPages, placeList } from "../dma/place-list.ts";
import { beyondMask } from "../dma/reach.ts";
import type { Scatterlist } from "../dma/scatterlist.ts";
import type { IommuDomain } from "../iommu/domain.ts";
import type { Iova, PhysAddr } from "../pci/addresses.ts";
import { formatBdf } from "../pci/bdf.ts";
import { noEntry } from "../pci/entry-at.ts";

/** What a {@link SegmentHook} says instead of an address. */
export const AS_MEMORY = -1;
export const REFUSED = -2;

/** A design's say inside the back end's loop. */
export interface SegmentHook {
  /** The address to hand out as it is for a segment, or {@link AS_MEMORY}, or {@link REFUSED}. */
  place(index: number, phys: PhysAddr): number;
  /** Why the last segment was refused. */
  refusal(phys: PhysAddr): DmaFailure;
  /** Whether an address that is handed out as it is must be within the device's mask. */
  readonly checksMask: boolean;
}

/** Of a kernel without peers: everything is memory. */
const NO_HOOK: SegmentHook = {
  place: () => AS_MEMORY,
  refusal: () => dmaFailure("EINVAL", "nothing was refused"),
  checksMask: true,
};

/** What a {@link HostMapping} is made of. */
export interface HostMappingParts {
  readonly domains: DmaDomains;
  readonly bounce: BouncePool | null;
  readonly cost: CostCounters;
}

/**
 * The back ends as they were before peer memory, for the designs that came before Linux took one: RAM at its address,
 * bounced where the mask does not reach it, or all of a list in one IOVA range. It never looks at a page; a design may
 * put a hook into its loop. Counts as `src/dma` does.
 */
export class HostMapping {
  readonly #domains: DmaDomains;
  readonly #bounce: BouncePool | null;
  readonly #cost: CostCounters;

  constructor({ domains, bounce, cost }: HostMappingParts) {
    this.#domains = domains;
    this.#bounce = bounce;
    this.#cost = cost;
  }

  /** Maps a list; the value is the number of DMA entries. Nothing is mapped on failure. */
  mapList(
    device: DmaDevice,
    list: Scatterlist,
    direction: DmaDirection,
    hook: SegmentHook = NO_HOOK,
  ): DmaResult<number> {
    const domain = this.#domains.dmaDomainOf(device.bdf);
    return domain === null
      ? this.#mapDirect(device, list, hook)
      : this.#mapIommu(domain, device, list, direction, hook);
  }

  /** Undoes {@link mapList}. */
  unmapList(device: DmaDevice, list: Scatterlist, direction: DmaDirection): void {
    this.#cost.listPasses++;
    this.#cost.segmentVisits += list.dmaCount;
    const domain = this.#domains.dmaDomainOf(device.bdf);
    if (domain === null) this.#unbounce(device, list, list.dmaCount, direction);
    else this.#releaseRange(domain, list);
    list.dmaCount = 0;
  }

  #mapDirect(device: DmaDevice, list: Scatterlist, hook: SegmentHook): DmaResult<number> {
    const { phys, lengths, dmaAddress, dmaLengths, dmaIsBus, count } = list;
    const reach = 2 ** device.maskBits;
    this.#cost.listPasses++;
    for (let index = 0; index < count; index++) {
      this.#cost.segmentVisits++;
      const start = (phys[index] ?? noEntry(index)) as PhysAddr;
      const length = lengths[index] ?? noEntry(index);
      let address = hook.place(index, start);
      const isAsItIs = address >= 0;
      if (address === REFUSED) return this.#undo(device, list, index, hook.refusal(start));
      if (!isAsItIs) address = start + device.ramBusOffset;
      if (address + length > reach && (!isAsItIs || hook.checksMask)) {
        const buffer = isAsItIs ? -1 : (this.#bounce?.take(start, length) ?? -1);
        if (buffer < 0) return this.#undo(device, list, index, beyondMask(device, address, length));
        this.#cost.bouncedBytes += length;
        address = buffer + device.ramBusOffset;
      }
      dmaAddress[index] = address;
      dmaLengths[index] = length;
      dmaIsBus[index] = isAsItIs ? 1 : 0;
    }
    list.dmaCount = count;
    return { ok: true, value: count };
  }

  #mapIommu(
    domain: IommuDomain,
    device: DmaDevice,
    list: Scatterlist,
    direction: DmaDirection,
    hook: SegmentHook,
  ): DmaResult<number> {
    const { phys, lengths, dmaAddress, dmaIsBus, count } = list;
    const reach = 2 ** device.maskBits;
    this.#cost.listPasses += 2;
    this.#cost.segmentVisits += 2 * count;
    let bytes = 0;
    for (let index = 0; index < count; index++) {
      const start = (phys[index] ?? noEntry(index)) as PhysAddr;
      const length = lengths[index] ?? noEntry(index);
      const address = hook.place(index, start);
      if (address === REFUSED) return hook.refusal(start);
      if (address >= 0 && hook.checksMask && address + length > reach) return beyondMask(device, address, length);
      dmaIsBus[index] = address >= 0 ? 1 : 0;
      dmaAddress[index] = address;
      if (address < 0) bytes += pageEnd(start + length) - pageStart(start);
    }
    let start: Iova | null = 0 as Iova;
    if (bytes > 0) {
      start = allocateIova(domain, device, bytes, this.#cost);
      if (start === null) return dmaFailure("ENOMEM", `no ${bytes} bytes of IOVA space for ${formatBdf(device.bdf)}`);
      this.#cost.iommuMapCalls++;
    }
    list.dmaCount = placeList(domain, list, start, permissionOf(direction));
    return { ok: true, value: list.dmaCount };
  }

  #releaseRange(domain: IommuDomain, list: Scatterlist): void {
    const pages = mappedPages(list);
    if (pages === null) return;
    this.#cost.iommuUnmapCalls++;
    this.#cost.iovaAllocations++;
    this.#cost.iommuFlushes += domain.release(pages.start, pages.sizeBytes);
  }

  #unbounce(device: DmaDevice, list: Scatterlist, count: number, direction: DmaDirection | null): void {
    for (let index = 0; index < count; index++) {
      const phys = (list.dmaAddress[index] ?? noEntry(index)) - device.ramBusOffset;
      if (list.dmaIsBus[index] === 1 || this.#bounce === null || !this.#bounce.owns(phys)) continue;
      this.#cost.bouncedBytes += this.#bounce.give(
        phys as PhysAddr,
        list.dmaLengths[index] ?? noEntry(index),
        direction,
      );
    }
  }

  #undo(device: DmaDevice, list: Scatterlist, count: number, failure: DmaFailure): DmaFailure {
    this.#unbounce(device, list, count, null);
    return failure;
  }
}
