import { PeerlaneError } from "../../pci/error.ts";
import type { MappingDesign } from "../design.ts";
import { requireOwnName } from "../own-name.ts";
import { askThenMapResource, busAddressUnasked } from "./drivers-ways.ts";
import { helperInLoop } from "./helper-in-loop.ts";
import { dmaMapP2p, dmaMapResource } from "./map-resource.ts";
import { pageLessDma, pageLessSideObject } from "./page-less-dma.ts";
import { pfnT } from "./pfn-t.ts";
import { providerRanges } from "./provider-ranges.ts";
import { noOffsets, rawBar } from "./raw-bar.ts";
import { sgHasP2p, sgHasP2pFlag } from "./sg-has-p2p.ts";
import { specialPages } from "./special-pages.ts";
import { stackedOps } from "./stacked-ops.ts";
import { storesOnly } from "./stores-only.ts";

/** All designs, in the order of their names' list. */
export const MAPPING_DESIGNS: readonly MappingDesign[] = [
  pfnT,
  rawBar,
  sgHasP2p,
  sgHasP2pFlag,
  stackedOps,
  helperInLoop,
  specialPages,
  pageLessDma,
  pageLessSideObject,
  dmaMapResource,
  dmaMapP2p,
  providerRanges,
  noOffsets,
  storesOnly,
  askThenMapResource,
  busAddressUnasked,
];

/** The design of a name; throws `usage`, with the names that there are. */
export function findDesign(name: string): MappingDesign {
  const design = MAPPING_DESIGNS.find(({ id }) => id === name);
  if (design !== undefined) return design;
  throw new PeerlaneError("usage", `no design '${name}' in the lab`, {
    remedy: `there are ${MAPPING_DESIGNS.map(({ id }) => id).join(", ")}`,
  });
}

/** Throws `usage` unless a design is the lab's, or has a name of its own and can be opened. */
export function requireDesign(design: MappingDesign): void {
  requireOwnName("a design", design, MAPPING_DESIGNS);
  if (typeof design.open === "function") return;
  throw new PeerlaneError("usage", `the design '${design.id}' has no function 'open'`, {
    remedy: "open(world) returns what prepares, maps, unmaps and releases lists",
  });
}
