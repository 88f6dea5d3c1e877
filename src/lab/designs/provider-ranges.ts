import type { DmaDirection } from "../../dma/dma-device.ts";
import type { DmaResult } from "../../dma/dma-error.ts";
import type { DmaMapping } from "../../dma/dma-ops.ts";
import type { Scatterlist } from "../../dma/scatterlist.ts";
import type { Provider } from "../../memory/provider.ts";
import type { PhysRange } from "../../pci/addresses.ts";
import type { DesignMapper, MappingDesign } from "../design.ts";
import type { LabWorld } from "../world.ts";
import { LINKS } from "./links.ts";
import { joinParts, NOTHING_PARTED, type PartedList, type PlacedPeer, partList } from "./parted-list.ts";

/** What Linux does for memory that has no pages. */
export const providerRanges: MappingDesign = {
  id: "provider-ranges",
  title: "provider plus physical ranges",
  origins: [
    {
      who: "Leon Romanovsky and Jason Gunthorpe",
      date: "2025-07-23",
      what: "patches for the dma-buf export by VFIO, in Linux 6.19 and newer",
      link: LINKS.vfio2025,
    },
  ],
  idea:
    "The exporter hands over the provider (whose BAR, and what its bus adds) with the physical ranges. The rules are asked " +
    "once for all of them: bus addresses, or one IOVA range into which all are linked.",
  preparation: "attach",
  hasPeerPages: false,
  open,
};

/** The ranges of one provider in a list, with the position of each segment in them. */
interface Group {
  readonly provider: Provider;
  readonly ranges: PhysRange[];
  /** Where each segment of the list is in the group: the index of its range, and its offset over all ranges. */
  readonly places: Map<number, { readonly index: number; readonly offset: number }>;
  sizeBytes: number;
  mappings: readonly DmaMapping[];
}

function open(world: LabWorld): DesignMapper {
  const { cost, device, opsOf, providerOf } = world;
  const ops = opsOf(device);
  let parted = NOTHING_PARTED;
  let groups: readonly Group[] = [];
  const unmapAll = (list: Scatterlist, direction: DmaDirection): void => {
    for (const { mappings } of groups) ops.unmapProviderRanges(device, mappings, direction);
    const { rest } = parted;
    if (rest !== null && rest.dmaCount > 0) ops.unmapList(device, rest, direction);
    list.dmaCount = 0;
  };
  return {
    prepare: (list) => {
      parted = partList(list, providerOf, cost);
      groups = groupsOf(parted);
      return null;
    },
    map: (list, direction) => {
      const { rest } = parted;
      if (rest !== null) {
        const mapped = ops.mapList(device, rest, direction);
        if (!mapped.ok || rest === list) return mapped;
      }
      const mapped = mapGroups(world, groups, direction);
      if (!mapped.ok) {
        unmapAll(list, direction);
        return mapped;
      }
      joinParts(list, parted, (index) => placeOf(groups, index), cost);
      return { ok: true, value: list.dmaCount };
    },
    unmap: unmapAll,
    release: () => {},
  };
}

/** What the exporter hands over: it has the ranges beside their provider, and looks for neither. */
function groupsOf({ peers }: PartedList): Group[] {
  const groups: Group[] = [];
  for (const { index, owner: provider, range } of peers) {
    let group = groups.find((one) => one.provider === provider);
    if (group === undefined) {
      group = { provider, ranges: [], places: new Map(), sizeBytes: 0, mappings: [] };
      groups.push(group);
    }
    group.places.set(index, { index: group.ranges.length, offset: group.sizeBytes });
    group.ranges.push(range);
    group.sizeBytes += range.sizeBytes;
  }
  return groups;
}

function mapGroups({ device, opsOf }: LabWorld, groups: readonly Group[], direction: DmaDirection): DmaResult<null> {
  for (const group of groups) {
    const mapped = opsOf(device).mapProviderRanges(device, group.provider, group.ranges, direction);
    if (!mapped.ok) return mapped;
    group.mappings = mapped.value;
  }
  return { ok: true, value: null };
}

/** The address of a segment: in its own mapping, or in the one of all ranges of its provider. */
function placeOf(groups: readonly Group[], position: number): PlacedPeer | null {
  for (const { places, ranges, mappings } of groups) {
    const place = places.get(position);
    if (place === undefined) continue;
    const isWhole = mappings.length === 1 && ranges.length > 1;
    const mapping = mappings[isWhole ? 0 : place.index];
    if (mapping === undefined) return null;
    return { address: mapping.address + (isWhole ? place.offset : 0), isBus: mapping.isBus };
  }
  return null;
}
