import { type Scatterlist, scatterlist } from "../../dma/scatterlist.ts";
import type { PhysAddr, PhysRange } from "../../pci/addresses.ts";
import { noEntry } from "../../pci/entry-at.ts";

/** Tells peer memory from the rest. */
export type IsPeer = (phys: PhysAddr) => boolean;

/** A list of all that is no peer memory, in order; the list itself where nothing is, `null` where all is. */
export function withoutPeers(list: Scatterlist, isPeer: IsPeer): Scatterlist | null {
  const { phys, lengths, count } = list;
  const entries: PhysRange[] = [];
  for (let index = 0; index < count; index++) {
    const start = (phys[index] ?? noEntry(index)) as PhysAddr;
    if (!isPeer(start)) entries.push({ start, sizeBytes: lengths[index] ?? noEntry(index) });
  }
  if (entries.length === count) return list;
  return entries.length === 0 ? null : scatterlist(entries);
}

/** The DMA address of a peer segment. */
export interface PlacedPeer {
  readonly address: number;
  /** True for a bus address, which unmap leaves alone. */
  readonly isBus: boolean;
}

/**
 * Fills the DMA side of a list in order: peers as `peerAt` says (`null`: that segment is refused), the rest cut out of
 * the mapped list without them, whose entries may have been joined over the place where a peer belongs. The index of
 * the segment that was refused, -1 where none was.
 */
export function joinParts(
  list: Scatterlist,
  rest: Scatterlist | null,
  isPeer: IsPeer,
  peerAt: (index: number, phys: PhysAddr) => PlacedPeer | null,
): number {
  const { phys, lengths, dmaAddress, dmaLengths, dmaIsBus, count } = list;
  let entry = 0;
  let used = 0;
  for (let index = 0; index < count; index++) {
    const start = (phys[index] ?? noEntry(index)) as PhysAddr;
    const length = lengths[index] ?? noEntry(index);
    dmaLengths[index] = length;
    if (isPeer(start)) {
      const placed = peerAt(index, start);
      if (placed === null) return index;
      dmaAddress[index] = placed.address;
      dmaIsBus[index] = placed.isBus ? 1 : 0;
      continue;
    }
    dmaAddress[index] = (rest?.dmaAddress[entry] ?? 0) + used;
    dmaIsBus[index] = 0;
    used += length;
    if (used >= (rest?.dmaLengths[entry] ?? 0)) {
      entry++;
      used = 0;
    }
  }
  list.dmaCount = count;
  return -1;
}
