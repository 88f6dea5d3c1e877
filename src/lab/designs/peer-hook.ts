import { type DmaFailure, dmaFailure } from "../../dma/dma-error.ts";
import { ListWalk } from "../../dma/list-walk.ts";
import type { Scatterlist } from "../../dma/scatterlist.ts";
import type { Provider } from "../../memory/provider.ts";
import { formatAddress, type PhysAddr } from "../../pci/addresses.ts";
import { formatBdf } from "../../pci/bdf.ts";
import { noEntry } from "../../pci/entry-at.ts";
import { AS_MEMORY, REFUSED, type SegmentHook } from "../host-mapping.ts";
import type { LabWorld } from "../world.ts";

/** Says where a provider's memory is for the device: an address, `AS_MEMORY` or `REFUSED`. */
export type PlacePeer = (provider: Provider, phys: PhysAddr) => number;

/** A hook that looks at each page, and asks `place` for the peer pages. */
export function hookByPages(world: LabWorld, place: PlacePeer): SegmentHook {
  const { pages } = world;
  return {
    place: (_, phys) => {
      if (pages.kindAt(phys) !== "peer") return AS_MEMORY;
      const provider = pages.providerAt(phys);
      return provider === null ? REFUSED : place(provider, phys);
    },
    refusal: (phys) => refusePeer(world, phys),
  };
}

/** True where a list holds a peer page; one pass in any case, as `sg_has_p2p` looks at every page. */
export function hasPeerPage({ cost, pages }: LabWorld, { phys, count }: Scatterlist): boolean {
  let isFound = false;
  for (const walk = new ListWalk(count, cost); walk.next(); ) {
    if (pages.kindAt((phys[walk.index] ?? noEntry(walk.index)) as PhysAddr) === "peer") isFound = true;
  }
  return isFound;
}

/**
 * The helper for a peer in the same segment: its bus address, or `REFUSED` for every other peer.
 *
 * MODEL: the mails leave open what a segment is. The lab takes today's rule for a direct path in every design that
 * asks, so that designs differ by their mechanism alone.
 */
export function placeInSegment({ rules, device }: LabWorld): PlacePeer {
  return (provider, phys) => (rules.mapType(provider, device.bdf) === "bus-addr" ? phys + provider.busOffset : REFUSED);
}

/** EREMOTEIO, with who cannot reach whom. */
export function refusePeer({ device, providerOf }: LabWorld, phys: PhysAddr): DmaFailure {
  const owner = providerOf(phys)?.owner;
  const whose = owner === undefined ? "" : ` of ${formatBdf(owner)}`;
  return dmaFailure(
    "EREMOTEIO",
    `${formatBdf(device.bdf)} cannot reach the peer memory${whose} at ${formatAddress(phys)}`,
  );
}
