import type { MappingDesign } from "../design.ts";
import { AS_MEMORY, REFUSED } from "../host-mapping.ts";
import { LINKS } from "./links.ts";
import { hookByPages } from "./peer-hook.ts";

/** One helper call in the loop of each back end; whatever it does not know is the IOMMU driver's. */
export const helperInLoop: MappingDesign = {
  id: "helper-in-loop",
  title: "a helper in each back end's own loop",
  origins: [
    {
      who: "Jason Gunthorpe",
      date: "2017-04-18",
      what: "mail that names the helper p2p_same_segment_map_page (seed 001; the link is his next mail in the thread)",
      link: LINKS.stacking2017,
    },
  ],
  idea:
    "Each back end calls a helper for peer pages in the loop that it has anyway. The helper knows the one simple case, " +
    "a peer in the same segment, and applies the offset. For all others an IOMMU driver decides by itself and maps them " +
    "with the rest of the list in one batch; without an IOMMU they are refused.",
  preparation: "building",
  hasPeerPages: true,
  open: (world) => {
    const { device, host, rules, hasIommu } = world;
    const hook = hookByPages(world, (provider, phys) => {
      const type = rules.mapType(provider, device.bdf);
      if (type === "bus-addr") return phys + provider.busOffset;
      return type === "thru-host-bridge" && hasIommu ? AS_MEMORY : REFUSED;
    });
    return {
      prepare: () => null,
      map: (list, direction) => host.mapList(device, list, direction, hook),
      unmap: (list, direction) => host.unmapList(device, list, direction),
      release: () => {},
    };
  },
};
