import type { CostCounters } from "../memory/cost.ts";
import type { Provider } from "../memory/provider.ts";
import type { PhysRange } from "../pci/addresses.ts";
import type { DmaDevice, DmaDirection } from "./dma-device.ts";
import type { DmaResult } from "./dma-error.ts";
import type { DmaEntry, Scatterlist } from "./scatterlist.ts";

/** A range mapped by itself (`dma_map_page`, `dma_map_resource`, or the two-step API in one go). */
export type DmaMapping = DmaEntry;

/**
 * What a device reaches that goes on with the addresses of a mapping after its unmap: `nothing`; `until-flush`, what was
 * mapped, as the IOTLB of a lazy domain may still have it; `bus-address`, whatever claims the address, now and later, as no
 * IOMMU looks at it.
 */
export type StaleReach = "nothing" | "until-flush" | "bus-address";

/**
 * A back end of the DMA API: direct, swiotlb, IOMMU, the one that refuses peers, or one's own. Each call returns the right address
 * or a named error, and leaves nothing mapped on failure. Costs are added to `cost`.
 */
export interface DmaOps {
  readonly name: string;
  /** Whether peer memory may be mapped at all, as callers ask before they try (`dma_pci_p2pdma_supported`, Linux 7.2). */
  readonly takesPeers: boolean;
  readonly cost: CostCounters;
  /** Fills the DMA side; the value is the number of DMA entries (`dma_map_sgtable`). */
  mapList(device: DmaDevice, list: Scatterlist, direction: DmaDirection): DmaResult<number>;
  /** Undoes {@link mapList}; `dmaCount` is 0 afterwards. */
  unmapList(device: DmaDevice, list: Scatterlist, direction: DmaDirection): void;
  /** One physically contiguous range with pages (`dma_map_page`). */
  mapRange(device: DmaDevice, range: PhysRange, direction: DmaDirection): DmaResult<DmaMapping>;
  /** MMIO without looking at pages or providers (`dma_map_resource`): as wrong as the kernel's where there is an offset. */
  mapResource(device: DmaDevice, range: PhysRange, direction: DmaDirection): DmaResult<DmaMapping>;
  /** Undoes the two above. */
  unmapRange(device: DmaDevice, mapping: DmaMapping, direction: DmaDirection): void;
  /** Page-less peer ranges of one provider: today's form (`dma_iova_try_alloc` … `dma_iova_sync`, or each range alone). */
  mapProviderRanges(
    device: DmaDevice,
    provider: Provider,
    ranges: readonly PhysRange[],
    direction: DmaDirection,
  ): DmaResult<readonly DmaMapping[]>;
  /** Undoes {@link mapProviderRanges} as `dma_iova_destroy` does: in a lazy domain the IOTLB forgets it later. */
  unmapProviderRanges(device: DmaDevice, mappings: readonly DmaMapping[], direction: DmaDirection): void;
  /**
   * The same in two steps, `dma_iova_unlink` and `dma_iova_free` (Linux 7.2): the first returns when the IOTLB has forgotten
   * the ranges, in lazy domains as well.
   */
  unlinkProviderRanges(device: DmaDevice, mappings: readonly DmaMapping[], direction: DmaDirection): void;
  /** What is still reached, at this moment, through a mapping that was unmapped. */
  staleReach(device: DmaDevice, mapping: DmaMapping): StaleReach;
}
