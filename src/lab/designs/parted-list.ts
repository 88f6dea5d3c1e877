import { ListWalk } from "../../dma/list-walk.ts";
import { type Scatterlist, scatterlist } from "../../dma/scatterlist.ts";
import type { CostCounters } from "../../memory/cost.ts";
import type { Provider } from "../../memory/provider.ts";
import type { PhysAddr, PhysRange } from "../../pci/addresses.ts";
import { noEntry } from "../../pci/entry-at.ts";

/** A list of which peer memory is mapped apart from the rest. */
export interface PartedList {
  /** Whose memory each segment is; `null` for the rest. */
  readonly owners: readonly (Provider | null)[];
  /** The peer segments: where each stands in the list, and its memory. */
  readonly peers: readonly { readonly index: number; readonly owner: Provider; readonly range: PhysRange }[];
  /** All that is no peer memory, in order; the list itself where nothing is, `null` where all is. */
  readonly rest: Scatterlist | null;
}

/** Of no list. */
export const NOTHING_PARTED: PartedList = { owners: [], peers: [], rest: null };

/** Parts a list, in one walk that asks once for each segment whose it is. */
export function partList(
  list: Scatterlist,
  ownerAt: (phys: PhysAddr) => Provider | null,
  cost: CostCounters,
): PartedList {
  const { phys, lengths, count } = list;
  const owners: (Provider | null)[] = [];
  const peers: PartedList["peers"][number][] = [];
  const entries: PhysRange[] = [];
  for (const walk = new ListWalk(count, cost); walk.next(); ) {
    const { index } = walk;
    const start = (phys[index] ?? noEntry(index)) as PhysAddr;
    const owner = ownerAt(start);
    owners.push(owner);
    const range = { start, sizeBytes: lengths[index] ?? noEntry(index) };
    if (owner === null) entries.push(range);
    else peers.push({ index, owner, range });
  }
  if (entries.length === count) return { owners, peers, rest: list };
  if (entries.length === 0) return { owners, peers, rest: null };
  cost.allocations++;
  return { owners, peers, rest: scatterlist(entries) };
}

/** The DMA address of a peer segment. */
export interface PlacedPeer {
  readonly address: number;
  /** True for a bus address, which unmap leaves alone. */
  readonly isBus: boolean;
}

/**
 * Fills the DMA side of a list in order, in one walk: peers as `peerAt` says (`null`: that segment is refused), the rest
 * cut out of the mapped list without them, whose entries may have been joined over the place where a peer belongs. The
 * index of the segment that was refused, -1 where none was.
 */
export function joinParts(
  list: Scatterlist,
  { owners, rest }: PartedList,
  peerAt: (index: number, phys: PhysAddr, owner: Provider) => PlacedPeer | null,
  cost: CostCounters,
): number {
  const { phys, lengths, dmaAddress, dmaLengths, dmaIsBus, count } = list;
  // What was mapped below is walked beside: `entry` is where the next bytes of it are.
  const entry = rest === null ? null : new ListWalk(rest.dmaCount, cost);
  let left = 0;
  for (const walk = new ListWalk(count, cost); walk.next(); ) {
    const { index } = walk;
    const owner = owners[index] ?? null;
    const length = lengths[index] ?? noEntry(index);
    dmaLengths[index] = length;
    if (owner !== null) {
      const placed = peerAt(index, (phys[index] ?? noEntry(index)) as PhysAddr, owner);
      if (placed === null) return index;
      dmaAddress[index] = placed.address;
      dmaIsBus[index] = placed.isBus ? 1 : 0;
      continue;
    }
    if (left === 0 && entry?.next() === true) left = rest?.dmaLengths[entry.index] ?? noEntry(entry.index);
    const at = entry?.index ?? 0;
    dmaAddress[index] = (rest?.dmaAddress[at] ?? noEntry(at)) + (rest?.dmaLengths[at] ?? noEntry(at)) - left;
    dmaIsBus[index] = 0;
    left -= length;
  }
  list.dmaCount = count;
  return -1;
}
