import type { IommuDomain } from "../iommu/domain.ts";
import type { CostCounters } from "../memory/cost.ts";
import type { Iova, IovaRange, PhysAddr } from "../pci/addresses.ts";
import { noEntry } from "../pci/entry-at.ts";
import { pageEnd, pageStart } from "./iova-state.ts";
import { ListWalk } from "./list-walk.ts";
import type { Scatterlist } from "./scatterlist.ts";

/**
 * Second pass over a list whose bus addresses stand in its DMA side already: maps runs of physical memory at `start` and
 * on, and fills the DMA side, in which entries that touch become one. Yields the number of its entries.
 */
export function placeList(
  domain: IommuDomain,
  list: Scatterlist,
  start: number,
  permission: number,
  cost: CostCounters,
): number {
  const { phys, lengths, dmaAddress, dmaLengths, dmaIsBus, count } = list;
  let out = 0;
  let at = start;
  let runPhys = 0;
  let runBytes = 0;
  for (const walk = new ListWalk(count, cost); walk.next(); ) {
    const { index } = walk;
    const length = lengths[index] ?? noEntry(index);
    const isBus = dmaIsBus[index] ?? noEntry(index);
    let address = dmaAddress[index] ?? noEntry(index);
    if (isBus === 0) {
      const physStart = phys[index] ?? noEntry(index);
      const page = pageStart(physStart);
      const bytes = pageEnd(physStart + length) - page;
      if (page !== runPhys + runBytes || runBytes === 0) {
        if (runBytes > 0) domain.map((at - runBytes) as Iova, runPhys as PhysAddr, runBytes, permission);
        runPhys = page;
        runBytes = 0;
      }
      runBytes += bytes;
      address = at + (physStart - page);
      at += bytes;
      const last = out - 1;
      if (
        out > 0 &&
        dmaIsBus[last] === 0 &&
        (dmaAddress[last] ?? noEntry(last)) + (dmaLengths[last] ?? noEntry(last)) === address
      ) {
        dmaLengths[last] = (dmaLengths[last] ?? noEntry(last)) + length;
        continue;
      }
    }
    dmaAddress[out] = address;
    dmaLengths[out] = length;
    dmaIsBus[out++] = isBus;
  }
  if (runBytes > 0) domain.map((at - runBytes) as Iova, runPhys as PhysAddr, runBytes, permission);
  return out;
}

/** The whole pages of IOVA space that {@link placeList} mapped a list to; `null` where all of it has bus addresses. */
export function mappedPages(list: Scatterlist, cost: CostCounters): IovaRange | null {
  let start = -1;
  let end = 0;
  for (const walk = new ListWalk(list.dmaCount, cost); walk.next(); ) {
    const { index } = walk;
    if (list.dmaIsBus[index] === 1) continue;
    const address = list.dmaAddress[index] ?? noEntry(index);
    if (start < 0) start = pageStart(address);
    end = address + (list.dmaLengths[index] ?? noEntry(index));
  }
  return start < 0 ? null : { start: start as Iova, sizeBytes: pageEnd(end) - start };
}
