import type { Pfn, PhysAddr } from "../../pci/addresses.ts";
import { pfnOf } from "../../pci/addresses.ts";
import { noEntry } from "../../pci/entry-at.ts";
import type { MappingDesign } from "../design.ts";
import { AS_MEMORY, REFUSED } from "../host-mapping.ts";
import { LINKS } from "./links.ts";
import { refusePeer } from "./peer-hook.ts";

/** A page frame that says what it is: the number, and whether it is a device's. */
interface TypedFrame {
  readonly pfn: Pfn;
  readonly isDevice: boolean;
}

/** Lists of typed page frames instead of pages. */
export const pfnT: MappingDesign = {
  id: "pfn-t",
  title: "typed page frames (pfn_t)",
  origins: [
    { who: "Dan Williams", date: "2016-01", what: "pfn_t, Linux 4.5", link: LINKS.pfnT },
    {
      who: "Logan Gunthorpe and Dan Williams",
      date: "2019-06-20",
      what: "mail on why it was not taken further (seed 002)",
      link: LINKS.reply2019,
    },
  ],
  idea:
    "A list holds page frame numbers of a type of their own, with flags that say whether a frame is a device's. Nothing " +
    "is looked up in a struct page, and code that is not ready for such frames does not compile.",
  preparation: "building",
  hasPeerPages: false,
  open: (world) => {
    const { device, host, providerOf, rules } = world;
    let frames: readonly TypedFrame[] = [];
    const hook = {
      place: (index: number, phys: PhysAddr): number => {
        if (frames[index]?.isDevice !== true) return AS_MEMORY;
        // MODEL: the flags have no room for the owner: it is found by the number, in a table of physical ranges.
        const provider = providerOf(phys);
        if (provider === null) return REFUSED;
        const type = rules.mapType(provider, device.bdf);
        if (type === "bus-addr") return phys + provider.busOffset;
        return type === "thru-host-bridge" ? AS_MEMORY : REFUSED;
      },
      refusal: (phys: PhysAddr) => refusePeer(world, phys),
    };
    return {
      build: ({ phys }, owners) => {
        frames = owners.map((owner, index) => {
          const start = (phys[index] ?? noEntry(index)) as PhysAddr;
          return { pfn: pfnOf(start), isDevice: owner !== null };
        });
      },
      prepare: () => null,
      map: (list, direction) => host.mapList(device, list, direction, hook),
      unmap: (list, direction) => host.unmapList(device, list, direction),
      release: () => {},
    };
  },
};
