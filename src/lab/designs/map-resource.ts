import type { DmaDirection } from "../../dma/dma-device.ts";
import { type DmaFailure, type DmaResult, dmaFailure } from "../../dma/dma-error.ts";
import type { DmaMapping } from "../../dma/dma-ops.ts";
import type { Provider } from "../../memory/provider.ts";
import type { PhysAddr, PhysRange } from "../../pci/addresses.ts";
import { dmaFromBus, formatAddress, physToBus } from "../../pci/addresses.ts";
import { formatBdf } from "../../pci/bdf.ts";
import { noEntry } from "../../pci/entry-at.ts";
import type { DesignMapper, MappingDesign } from "../design.ts";
import type { LabWorld } from "../world.ts";
import { LINKS } from "./links.ts";
import { joinParts, NOTHING_PARTED, partList } from "./parted-list.ts";
import { refusePeer } from "./peer-hook.ts";

const origins: MappingDesign["origins"] = [
  {
    who: "Jason Gunthorpe, and Christoph Hellwig against it",
    date: "2022-09-07",
    what: "mails on dma-buf export by VFIO (seed 004; the link is Christoph Hellwig's answer to it)",
    link: LINKS.vfio2022,
  },
];

/** Each range of a BAR mapped by itself, by CPU physical address. */
export const dmaMapResource: MappingDesign = {
  id: "dma-map-resource",
  title: "dma_map_resource, as VFIO used it",
  origins,
  idea:
    "An importer attaches if the rules give the pair a distance; then the exporter maps each range of the BAR for it with " +
    "dma_map_resource, which takes the CPU physical address and looks neither at a page nor at a provider: an IOVA with an " +
    "IOMMU, the physical address itself without.",
  preparation: "attach",
  hasPeerPages: false,
  open: (world) =>
    mapper(world, (_, range, direction) => world.opsOf(world.device).mapResource(world.device, range, direction)),
};

/** The call that was offered instead: the same, with the offset of the bus taken into account. */
export const dmaMapP2p: MappingDesign = {
  id: "dma-map-p2p",
  title: "dma_map_p2p, which resolves the offset",
  origins,
  idea:
    "The same, through a new call that knows the BAR's owner. MODEL: it was named and not written; here it takes the bus " +
    "address where no IOMMU translates, and an IOVA as before where one does.",
  preparation: "attach",
  hasPeerPages: false,
  open: (world) => {
    const { device, hasIommu, opsOf } = world;
    return mapper(world, (provider, range, direction) => {
      if (hasIommu) return opsOf(device).mapResource(device, range, direction);
      const address = dmaFromBus(physToBus(range.start, provider.busOffset));
      if (address + range.sizeBytes > 2 ** device.maskBits) {
        return dmaFailure("EIO", `${formatBdf(device.bdf)} cannot issue ${formatAddress(address)}`);
      }
      return { ok: true, value: { address, lengthBytes: range.sizeBytes, isBus: true } };
    });
  },
};

type MapPeer = (provider: Provider, range: PhysRange, direction: DmaDirection) => DmaResult<DmaMapping>;

/** Memory that is no peer's is mapped by a call of its own, in one batch as ever. */
function mapper(world: LabWorld, mapPeer: MapPeer): DesignMapper {
  const { cost, device, host, opsOf, providerOf, rules } = world;
  const mappings: DmaMapping[] = [];
  let parted = NOTHING_PARTED;
  const unmapPeers = (direction: DmaDirection): void => {
    // A bus address was handed out as it is: nothing was taken for it.
    for (const mapping of mappings) if (!mapping.isBus) opsOf(device).unmapRange(device, mapping, direction);
    mappings.length = 0;
  };
  return {
    prepare: (list) => {
      parted = partList(list, providerOf, cost);
      const far = parted.peers.find(({ owner }) => rules.mapType(owner, device.bdf) === "not-supported");
      if (far === undefined) return null;
      const { start } = far.range;
      return dmaFailure("EOPNOTSUPP", `no attachment: ${refusePeer(world, start).reason}`);
    },
    map: (list, direction) => {
      const { rest } = parted;
      if (rest !== null) {
        const mapped = host.mapList(device, rest, direction);
        if (!mapped.ok || rest === list) return mapped;
      }
      let failure: DmaFailure | null = null;
      const place = (index: number, start: PhysAddr, owner: Provider): DmaMapping | null => {
        const mapped = mapPeer(owner, { start, sizeBytes: list.lengths[index] ?? noEntry(index) }, direction);
        if (mapped.ok) mappings.push(mapped.value);
        else failure = mapped;
        return mapped.ok ? mapped.value : null;
      };
      joinParts(list, parted, place, cost);
      if (failure === null) return { ok: true, value: list.dmaCount };
      unmapPeers(direction);
      if (rest !== null) host.unmapList(device, rest, direction);
      return failure;
    },
    unmap: (list, direction) => {
      unmapPeers(direction);
      if (parted.rest !== null) host.unmapList(device, parted.rest, direction);
      list.dmaCount = 0;
    },
    release: () => {},
  };
}
