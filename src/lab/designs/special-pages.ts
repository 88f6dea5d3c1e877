import type { MappingDesign } from "../design.ts";
import { LINKS } from "./links.ts";

/** What Linux does for memory that has pages. */
export const specialPages: MappingDesign = {
  id: "special-pages",
  title: "special pages with page-map look-up",
  origins: [
    {
      who: "Logan Gunthorpe, after Dan Williams's get_dev_pagemap",
      date: "2017-04-18",
      what: "mail on finding the device behind a page (seed 003; the link is to one of that day)",
      link: LINKS.shim2017,
    },
    { who: "Logan Gunthorpe", date: "2018-10", what: "P2PDMA, Linux 4.20", link: LINKS.p2pdma2018 },
  ],
  idea:
    "A BAR has struct pages of a kind of their own. Every back end looks at each page; a peer's leads over its page map " +
    "to its owner, the rules give the map type, once for a run of one owner. In the mapping layer since Linux 6.0.",
  preparation: "building",
  hasPeerPages: true,
  open: ({ device, opsOf }) => {
    const ops = opsOf(device);
    return {
      prepare: () => null,
      map: (list, direction) => ops.mapList(device, list, direction),
      unmap: (list, direction) => ops.unmapList(device, list, direction),
      release: () => {},
    };
  },
};
