import { type DmaFailure, dmaFailure } from "../../dma/dma-error.ts";
import { ListWalk } from "../../dma/list-walk.ts";
import type { Provider } from "../../memory/provider.ts";
import type { PhysAddr } from "../../pci/addresses.ts";
import { formatBdf } from "../../pci/bdf.ts";
import { noEntry } from "../../pci/entry-at.ts";
import type { DesignMapper, MappingDesign } from "../design.ts";
import { AS_MEMORY } from "../host-mapping.ts";
import type { LabWorld } from "../world.ts";
import { LINKS } from "./links.ts";
import { refusePeer } from "./peer-hook.ts";

/** The first p2pmem: whoever allocates has checked, and mapping leaves the address of a BAR alone. */
export const rawBar: MappingDesign = {
  id: "raw-bar",
  title: "raw BAR address, choice at allocation",
  origins: [
    { who: "Logan Gunthorpe", date: "2017-03-30", what: "RFC of p2pmem, 8 patches", link: LINKS.rfc2017 },
    {
      who: "Logan Gunthorpe to Benjamin Herrenschmidt",
      date: "2017-04-16",
      what: "mail that wants mapping to stay out of the way (seed 000; the link is an answer in its thread)",
      link: LINKS.offset2017,
    },
  ],
  idea:
    "Peer memory is handed out only where a switch is above all devices in use; otherwise the user gets system memory. " +
    "Mapping sees a flag in the page and hands the BAR's address to the device as it is. Offsets are left to later work.",
  preparation: "allocation",
  hasPeerPages: true,
  open: (world) => open(world, () => null),
};

/** The same as its author meant it for the first incarnation: not on systems that have offsets. */
export const noOffsets: MappingDesign = {
  id: "no-offsets",
  title: "raw BAR address, not on systems that have offsets",
  origins: [
    {
      who: "Logan Gunthorpe to Benjamin Herrenschmidt",
      date: "2017-04-16",
      what: "mail that leaves systems with offsets out of the first incarnation (seed 000; the link is an answer in its thread)",
      link: LINKS.offset2017,
    },
  ],
  idea:
    "As raw-bar, but peer memory whose bus address is not its CPU address is not handed out at all: the user gets system " +
    "memory instead.",
  preparation: "allocation",
  hasPeerPages: true,
  open: (world) =>
    open(world, ({ busOffset, owner }) =>
      busOffset === 0
        ? null
        : `bus addresses at ${formatBdf(owner)} are ${busOffset} bytes from CPU addresses, and offsets are not supported`,
    ),
};

function open(world: LabWorld, refuses: (provider: Provider) => string | null): DesignMapper {
  const { cost, device, host, pages, planned, providerOf, rules } = world;
  const hook = {
    // MODEL: "the address" is the CPU's physical one, which is the only one in a page.
    place: (_: number, phys: PhysAddr): number => (pages.kindAt(phys) === "peer" ? phys : AS_MEMORY),
    refusal: (phys: PhysAddr): DmaFailure => refusePeer(world, phys),
  };
  return {
    prepare: ({ phys, count }) => {
      const seen = new Set<object>();
      for (const walk = new ListWalk(count, cost); walk.next(); ) {
        const provider = providerOf((phys[walk.index] ?? noEntry(walk.index)) as PhysAddr);
        if (provider === null || seen.has(provider)) continue;
        seen.add(provider);
        const why = refuses(provider);
        if (why !== null) return dmaFailure("ENODEV", `${why}: the user gets system memory instead`);
        if (!rules.hasCommonBridge(provider, planned.bdf)) {
          const pair = `${formatBdf(provider.owner)} and ${formatBdf(planned.bdf)}`;
          return dmaFailure("ENODEV", `no switch is above ${pair}: the user gets system memory instead`);
        }
      }
      return null;
    },
    map: (list, direction) => host.mapList(device, list, direction, hook),
    unmap: (list, direction) => host.unmapList(device, list, direction),
    release: () => {},
  };
}
