import { noCost } from "../memory/cost.ts";
import type { PhysRange } from "../pci/addresses.ts";
import { type BounceMemory, BouncePool } from "./bounce-pool.ts";
import { DirectMapping } from "./direct.ts";
import type { DmaOps } from "./dma-ops.ts";
import type { MappingContext } from "./peer-segments.ts";

/** What {@link swiotlbOps} needs. */
export interface SwiotlbContext extends MappingContext {
  readonly memory: BounceMemory;
  /** RAM for bounce buffers, whole pages that nothing else uses, low enough for every device. */
  readonly pool: PhysRange;
}

/**
 * Mapping without an IOMMU, with bounce buffers for RAM that a device's mask does not reach (swiotlb, Linux 7.2). Bytes
 * are copied at map and at unmap. The pool is given back beside, for its use to be watched.
 */
export function swiotlbOps(context: SwiotlbContext): DmaOps & { readonly pool: BouncePool } {
  const { cost = noCost() } = context;
  const pool = new BouncePool(context.pool, context.memory, cost);
  return Object.assign(new DirectMapping({ ...context, cost }, pool), { pool });
}
