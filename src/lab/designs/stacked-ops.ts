import type { DmaFailure } from "../../dma/dma-error.ts";
import type { Scatterlist } from "../../dma/scatterlist.ts";
import type { PhysAddr } from "../../pci/addresses.ts";
import { noEntry } from "../../pci/entry-at.ts";
import type { DesignMapper, MappingDesign } from "../design.ts";
import type { LabWorld } from "../world.ts";
import { LINKS } from "./links.ts";
import { joinParts, withoutPeers } from "./parted-list.ts";
import { placeInSegment, refusePeer } from "./peer-hook.ts";

/** Mapping operations for peers, put in front of those of the machine. */
export const stackedOps: MappingDesign = {
  id: "stacked-ops",
  title: "stacked mapping operations",
  origins: [
    {
      who: "Dan Williams and Logan Gunthorpe",
      date: "2017-04-18",
      what: "mails that want dma_ops of their own for peers (seed 003; the link is to one of that day)",
      link: LINKS.shim2017,
    },
    {
      who: "Jason Gunthorpe",
      date: "2017-04-18",
      what: "mail that says why not (seed 001; the link is his next mail in the thread)",
      link: LINKS.stacking2017,
    },
  ],
  idea:
    "Peers have mapping operations of their own, in front of the machine's. A list is split: what is no peer page goes " +
    "into a list of its own, which the operations below map; then both results are merged in order, though the lower one " +
    "may have joined entries between which a peer belongs. Unmap undoes all of it.",
  preparation: "building",
  hasPeerPages: true,
  open,
};

function open(world: LabWorld): DesignMapper {
  const { cost, device, host, pages } = world;
  const isPeer = (phys: PhysAddr): boolean => pages.kindAt(phys) === "peer";
  const walk = (segments: number): void => {
    cost.listPasses++;
    cost.segmentVisits += segments;
  };
  /** What was mapped below for the list that is mapped now: somebody has to keep it until unmap. */
  let below: Scatterlist | null = null;
  return {
    prepare: () => null,
    map: (list, direction) => {
      walk(list.count);
      cost.pageTouches += list.count;
      const rest = withoutPeers(list, isPeer);
      if (rest === list) return host.mapList(device, list, direction);
      if (rest !== null) {
        cost.allocations++;
        const mapped = host.mapList(device, rest, direction);
        if (!mapped.ok) return mapped;
      }
      const refusal = merge(world, list, rest);
      if (refusal === null) {
        below = rest;
        return { ok: true, value: list.dmaCount };
      }
      if (rest !== null) host.unmapList(device, rest, direction);
      return refusal;
    },
    unmap: (list, direction) => {
      walk(list.dmaCount);
      const wasSplit = list.dmaIsBus.subarray(0, list.dmaCount).includes(1);
      if (!wasSplit) host.unmapList(device, list, direction);
      else if (below !== null) host.unmapList(device, below, direction);
      below = null;
      list.dmaCount = 0;
    },
    release: () => {},
  };
}

/** Puts peers and the lower result together in order; `null`, or why a peer cannot be reached. */
function merge(world: LabWorld, list: Scatterlist, rest: Scatterlist | null): DmaFailure | null {
  const { cost, device, pages } = world;
  const placePeer = placeInSegment(world);
  cost.listPasses++;
  cost.segmentVisits += list.count;
  cost.pageTouches += list.count;
  const refused = joinParts(
    list,
    rest,
    (phys) => pages.kindAt(phys) === "peer",
    (_, phys) => {
      cost.pagemapLookups++;
      const provider = pages.providerAt(phys);
      const address = provider === null ? -1 : placePeer(provider, phys);
      return address < 0 || address >= 2 ** device.maskBits ? null : { address, isBus: true };
    },
  );
  return refused < 0 ? null : refusePeer(world, (list.phys[refused] ?? noEntry(refused)) as PhysAddr);
}
