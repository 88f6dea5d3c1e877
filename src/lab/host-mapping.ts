import type { BouncePool } from "../dma/bounce-pool.ts";
import type { DmaDevice, DmaDirection } from "../dma/dma-device.ts";
import { type DmaFailure, type DmaResult, dmaFailure } from "../dma/dma-error.ts";
import { allocateIova, type DmaDomains, pageEnd, pageStart, permissionOf } from "../dma/iova-state.ts";
import { ListWalk } from "../dma/list-walk.ts";
import { mappedPages, placeList } from "../dma/place-list.ts";
import { beyondMask } from "../dma/reach.ts";
import type { Scatterlist } from "../dma/scatterlist.ts";
import type { IommuDomain } from "../iommu/domain.ts";
import type { CostCounters } from "../memory/cost.ts";
import { formatAddress, type Iova, type PhysAddr } from "../pci/addresses.ts";
import { formatBdf } from "../pci/bdf.ts";
import { noEntry } from "../pci/entry-at.ts";
import { PeerlaneError } from "../pci/error.ts";

/** What a {@link SegmentHook} says instead of an address. */
export const AS_MEMORY = -1;
export const REFUSED = -2;

/** A design's say inside the back end's loop. */
export interface SegmentHook {
  /** The address to hand out as it is for a segment, or {@link AS_MEMORY}, or {@link REFUSED}. */
  place(index: number, phys: PhysAddr): number;
  /** Why the last segment was refused. */
  refusal(phys: PhysAddr): DmaFailure;
}

/** What a hook says; throws `usage` for what is neither an address nor a word, which would pass for `AS_MEMORY`. */
function placeBy(hook: SegmentHook, index: number, phys: PhysAddr): number {
  const place = hook.place(index, phys);
  if (place >= 0 || place === AS_MEMORY || place === REFUSED) return place;
  throw new PeerlaneError("usage", `a design places ${formatAddress(phys)} at ${String(place)}, which is no address`, {
    remedy: "hand out an address from 0 on, AS_MEMORY or REFUSED",
  });
}

/** Of a kernel without peers: everything is memory. */
const NO_HOOK: SegmentHook = {
  place: () => AS_MEMORY,
  refusal: () => dmaFailure("EINVAL", "nothing was refused"),
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
 * put a hook into its loop. An address beyond the device's mask is refused, whoever hands it out: no letter speaks of masks,
 * so that all designs have the same check.
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
    const domain = this.#domains.dmaDomainOf(device.bdf);
    if (domain === null) this.#unmapDirect(device, list, direction);
    else this.#releaseRange(domain, list);
    list.dmaCount = 0;
  }

  #mapDirect(device: DmaDevice, list: Scatterlist, hook: SegmentHook): DmaResult<number> {
    const { phys, lengths, dmaAddress, dmaLengths, dmaIsBus, count } = list;
    const reach = 2 ** device.maskBits;
    for (const walk = new ListWalk(count, this.#cost); walk.next(); ) {
      const { index } = walk;
      const start = (phys[index] ?? noEntry(index)) as PhysAddr;
      const length = lengths[index] ?? noEntry(index);
      let address = placeBy(hook, index, start);
      const isAsItIs = address >= 0;
      if (address === REFUSED) return this.#undo(device, list, index, hook.refusal(start));
      if (!isAsItIs) address = start + device.ramBusOffset;
      if (address + length > reach) {
        const buffer = isAsItIs ? -1 : (this.#bounce?.take(start, length) ?? -1);
        if (buffer < 0) return this.#undo(device, list, index, beyondMask(device, address, length));
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
    let bytes = 0;
    for (const walk = new ListWalk(count, this.#cost); walk.next(); ) {
      const { index } = walk;
      const start = (phys[index] ?? noEntry(index)) as PhysAddr;
      const length = lengths[index] ?? noEntry(index);
      const address = placeBy(hook, index, start);
      if (address === REFUSED) return hook.refusal(start);
      if (address >= 0 && address + length > reach) return beyondMask(device, address, length);
      dmaIsBus[index] = address >= 0 ? 1 : 0;
      dmaAddress[index] = address;
      if (address < 0) bytes += pageEnd(start + length) - pageStart(start);
    }
    let start: Iova | null = 0 as Iova;
    if (bytes > 0) {
      start = allocateIova(domain, device, bytes);
      if (start === null) return dmaFailure("ENOMEM", `no ${bytes} bytes of IOVA space for ${formatBdf(device.bdf)}`);
    }
    list.dmaCount = placeList(domain, list, start, permissionOf(direction), this.#cost);
    return { ok: true, value: list.dmaCount };
  }

  #releaseRange(domain: IommuDomain, list: Scatterlist): void {
    const pages = mappedPages(list, this.#cost);
    if (pages !== null) domain.release(pages.start, pages.sizeBytes);
  }

  #unmapDirect(device: DmaDevice, list: Scatterlist, direction: DmaDirection): void {
    for (const walk = new ListWalk(list.dmaCount, this.#cost); walk.next(); ) {
      this.#unbounce(device, list, walk.index, direction);
    }
  }

  #unbounce(device: DmaDevice, list: Scatterlist, index: number, direction: DmaDirection | null): void {
    const phys = (list.dmaAddress[index] ?? noEntry(index)) - device.ramBusOffset;
    if (list.dmaIsBus[index] === 1 || this.#bounce === null || !this.#bounce.owns(phys)) return;
    this.#bounce.give(phys as PhysAddr, list.dmaLengths[index] ?? noEntry(index), direction);
  }

  #undo(device: DmaDevice, list: Scatterlist, count: number, failure: DmaFailure): DmaFailure {
    for (let index = 0; index < count; index++) this.#unbounce(device, list, index, null);
    return failure;
  }
}
