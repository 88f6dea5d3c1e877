import type { Scatterlist } from "../../dma/scatterlist.ts";
import type { PhysAddr } from "../../pci/addresses.ts";
import { noEntry } from "../../pci/entry-at.ts";
import type { DesignMapper, MappingDesign } from "../design.ts";
import type { LabWorld } from "../world.ts";
import { LINKS } from "./links.ts";
import { hasPeerPage, hookByPages, placeInSegment } from "./peer-hook.ts";

const origins: MappingDesign["origins"] = [
  {
    who: "Jason Gunthorpe, answering Logan Gunthorpe's doubts",
    date: "2017-04-18",
    what: "mail that weighs walking the list against a flag in it (seed 001; the link is his next mail in the thread)",
    link: LINKS.stacking2017,
  },
];

/** A separate map function for lists with peers, found by a walk over the list. */
export const sgHasP2p: MappingDesign = {
  id: "sg-has-p2p",
  title: "sg_has_p2p walk, separate map function",
  origins,
  idea:
    "Before each mapping the list is walked to see if a page of it is a peer's. If so, another function maps it, which " +
    "checks each page again and knows peers of the same segment only; else the ordinary one does. Meant for as long as " +
    "back ends are not converted.",
  preparation: "building",
  hasPeerPages: true,
  open: (world) => mapper(world, (list) => hasPeerPage(world, list)),
};

/** The variant whose list carries a flag, set when a page is put into it. */
export const sgHasP2pFlag: MappingDesign = {
  id: "sg-has-p2p-flag",
  title: "sg_has_p2p as a flag kept in the list",
  origins,
  idea:
    "The same, with the walk replaced by a flag in the list that putting a page into it sets: a page is looked at when " +
    "the list is built, and lists without peers are mapped as if there were none.",
  preparation: "building",
  hasPeerPages: true,
  open: (world) => {
    let isFlagged = false;
    const base = mapper(world, () => isFlagged);
    return {
      ...base,
      build: ({ phys }, owners) => {
        isFlagged = false;
        for (let index = 0; index < owners.length; index++) {
          if (world.pages.kindAt((phys[index] ?? noEntry(index)) as PhysAddr) === "peer") isFlagged = true;
        }
      },
    };
  },
};

function mapper(world: LabWorld, hasPeers: (list: Scatterlist) => boolean): DesignMapper {
  const { device, host } = world;
  const hook = hookByPages(world, placeInSegment(world));
  return {
    prepare: () => null,
    map: (list, direction) =>
      hasPeers(list) ? host.mapList(device, list, direction, hook) : host.mapList(device, list, direction),
    unmap: (list, direction) => host.unmapList(device, list, direction),
    release: () => {},
  };
}
