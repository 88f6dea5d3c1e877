import type { DmaFailure } from "../../dma/dma-error.ts";
import { ListWalk } from "../../dma/list-walk.ts";
import { beyondMask } from "../../dma/reach.ts";
import type { Scatterlist } from "../../dma/scatterlist.ts";
import type { Provider } from "../../memory/provider.ts";
import { PAGE_BYTES, type PhysAddr } from "../../pci/addresses.ts";
import type { DesignMapper, MappingDesign } from "../design.ts";
import type { LabWorld } from "../world.ts";
import { LINKS } from "./links.ts";
import { joinParts, type PartedList, partList } from "./parted-list.ts";
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
  const ownerAt = (phys: PhysAddr): Provider | null => (pages.kindAt(phys) === "peer" ? pages.providerAt(phys) : null);
  /** What was mapped below for the list that is mapped now: somebody has to keep it until unmap. */
  let below: Scatterlist | null = null;
  return {
    prepare: () => null,
    map: (list, direction) => {
      const parted = partList(list, ownerAt, cost);
      const { rest } = parted;
      if (rest === list) return host.mapList(device, list, direction);
      if (rest !== null) {
        const mapped = host.mapList(device, rest, direction);
        if (!mapped.ok) return mapped;
      }
      const refusal = merge(world, list, parted);
      if (refusal === null) {
        below = rest;
        return { ok: true, value: list.dmaCount };
      }
      if (rest !== null) host.unmapList(device, rest, direction);
      return refusal;
    },
    unmap: (list, direction) => {
      // Only the list itself tells whether it was split: it is looked through for bus addresses.
      let wasSplit = false;
      for (const walk = new ListWalk(list.dmaCount, cost); walk.next(); ) {
        if (list.dmaIsBus[walk.index] === 1) wasSplit = true;
      }
      if (!wasSplit) host.unmapList(device, list, direction);
      else if (below !== null) host.unmapList(device, below, direction);
      below = null;
      list.dmaCount = 0;
    },
    release: () => {},
  };
}

/** Puts peers and the lower result together in order; `null`, or why a peer cannot be reached. */
function merge(world: LabWorld, list: Scatterlist, parted: PartedList): DmaFailure | null {
  const { cost, device } = world;
  const placePeer = placeInSegment(world);
  let isBeyond = false;
  const refused = joinParts(
    list,
    parted,
    (_, phys, owner) => {
      const address = placePeer(owner, phys);
      isBeyond = address + PAGE_BYTES > 2 ** device.maskBits;
      return address < 0 || isBeyond ? null : { address, isBus: true };
    },
    cost,
  );
  const phys = (list.phys[refused] ?? 0) as PhysAddr;
  if (isBeyond) return beyondMask(device, phys, PAGE_BYTES);
  return refused < 0 ? null : refusePeer(world, phys);
}
