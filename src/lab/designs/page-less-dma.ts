import { type DmaFailure, dmaFailure } from "../../dma/dma-error.ts";
import type { DmaMapping } from "../../dma/dma-ops.ts";
import { ListWalk } from "../../dma/list-walk.ts";
import type { Scatterlist } from "../../dma/scatterlist.ts";
import type { PhysAddr } from "../../pci/addresses.ts";
import { formatBdf } from "../../pci/bdf.ts";
import { noEntry } from "../../pci/entry-at.ts";
import type { DesignMapper, MappingDesign } from "../design.ts";
import { AS_MEMORY, REFUSED } from "../host-mapping.ts";
import type { LabWorld } from "../world.ts";
import { LINKS } from "./links.ts";
import { refusePeer } from "./peer-hook.ts";

/** Requests that carry DMA addresses instead of pages. */
export const pageLessDma: MappingDesign = {
  id: "page-less-dma",
  title: "page-less DMA addresses in the block layer",
  origins: [
    { who: "Logan Gunthorpe", date: "2019-06-20", what: "RFC of 28 patches", link: LINKS.rfc2019 },
    {
      who: "Logan Gunthorpe to Dan Williams",
      date: "2019-06-20",
      what: "mail on who checks the rules (seed 002)",
      link: LINKS.reply2019,
    },
  ],
  idea:
    "The driver that orchestrates a transfer asks the rules for the device in mind and turns peer memory into DMA " +
    "addresses before it submits. The block layer carries them as they are; mapping leaves them alone.",
  preparation: "submission",
  hasPeerPages: false,
  open: (world) => mapper(world, () => true),
};

/** The variant whose addresses come with an object that remembers what they are good for. */
export const pageLessSideObject: MappingDesign = {
  id: "page-less-side-object",
  title: "page-less DMA addresses with a side object",
  origins: [
    {
      who: "Dan Williams",
      date: "2019-06-20",
      what: "mail quoted in seed 002: a side object could recall the restrictions",
      link: LINKS.reply2019,
    },
  ],
  idea:
    "The same, with an object beside each request that remembers whose memory it is and which device the addresses were " +
    "made for. The driver that issues the request asks it, and refuses what is not good for its own device.",
  preparation: "submission",
  hasPeerPages: false,
  open: (world) => {
    const { device, planned, providerOf, rules, sideObject } = world;
    const base = mapper(world, (phys) => {
      const provider = providerOf(phys);
      const isSame = device.bdf === planned.bdf;
      // A bus address is good for every device with a direct path; anything else only for the one it was made for.
      return provider === null || isSame || rules.mapType(provider, device.bdf) === "bus-addr";
    });
    return {
      ...base,
      prepare: (list) => {
        sideObject({ planned });
        return base.prepare(list);
      },
    };
  },
};

function mapper(world: LabWorld, isGoodFor: (phys: PhysAddr) => boolean): DesignMapper {
  const { device, host, planned } = world;
  const resources: DmaMapping[] = [];
  let carried: Float64Array = new Float64Array(0);
  const release = (): void => {
    for (const mapping of resources) world.opsOf(planned).unmapRange(planned, mapping, "bidirectional");
    resources.length = 0;
  };
  const hook = {
    place: (index: number, phys: PhysAddr): number => {
      const address = carried[index] ?? AS_MEMORY;
      return address < 0 || isGoodFor(phys) ? address : REFUSED;
    },
    refusal: (phys: PhysAddr): DmaFailure =>
      dmaFailure(
        "EINVAL",
        `${refusePeer(world, phys).reason}: the address was made for ${formatBdf(planned.bdf)}, and the side object says so`,
      ),
  };
  return {
    prepare: (list) => {
      carried = new Float64Array(list.count);
      const refusal = derive(world, list, carried, resources);
      if (refusal !== null) release();
      return refusal;
    },
    map: (list, direction) => host.mapList(device, list, direction, hook),
    unmap: (list, direction) => host.unmapList(device, list, direction),
    release,
  };
}

/**
 * Turns each peer segment into an address for the planned device; what is taken on the way is added to `resources`.
 *
 * MODEL: for both directions, as nobody has said yet which way the request goes.
 */
function derive(
  world: LabWorld,
  { phys, lengths, count }: Scatterlist,
  carried: Float64Array,
  resources: DmaMapping[],
): DmaFailure | null {
  const { cost, opsOf, planned, providerOf, rules } = world;
  for (const walk = new ListWalk(count, cost); walk.next(); ) {
    const { index } = walk;
    const start = (phys[index] ?? noEntry(index)) as PhysAddr;
    const provider = providerOf(start);
    carried[index] = AS_MEMORY;
    if (provider === null) continue;
    const type = rules.mapType(provider, planned.bdf);
    if (type === "not-supported") return { ...refusePeer({ ...world, device: planned }, start), errno: "EINVAL" };
    if (type === "bus-addr") {
      carried[index] = start + provider.busOffset;
      continue;
    }
    const range = { start, sizeBytes: lengths[index] ?? noEntry(index) };
    const mapped = opsOf(planned).mapResource(planned, range, "bidirectional");
    if (!mapped.ok) return mapped;
    resources.push(mapped.value);
    carried[index] = mapped.value.address;
  }
  return null;
}
