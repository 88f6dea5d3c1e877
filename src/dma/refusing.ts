import type { CostCounters } from "../memory/cost.ts";
import type { PageLookup } from "../memory/page-kind.ts";
import type { Provider } from "../memory/provider.ts";
import { formatAddress, type PhysAddr, type PhysRange } from "../pci/addresses.ts";
import { formatBdf } from "../pci/bdf.ts";
import { noEntry } from "../pci/entry-at.ts";
import type { DmaDevice, DmaDirection } from "./dma-device.ts";
import { type DmaResult, dmaFailure } from "./dma-error.ts";
import type { DmaMapping, DmaOps, StaleReach } from "./dma-ops.ts";
import { ListWalk } from "./list-walk.ts";
import { refuseList } from "./reach.ts";
import type { Scatterlist } from "./scatterlist.ts";

/** What {@link refusingOps} needs. */
export interface RefusingContext {
  readonly pages: PageLookup;
  /** What maps everything that is no peer page. */
  readonly beneath: DmaOps;
}

/**
 * A back end that does not know of peer memory (one without `DMA_F_PCI_P2PDMA_SUPPORTED`, Linux 6.0 and newer): EREMOTEIO
 * for peer pages, EOPNOTSUPP for page-less ranges, the rest as the back end beneath maps it.
 *
 * MODEL: such a back end is asked and says no; the kernel's callers ask `dma_pci_p2pdma_supported` and never get so far.
 */
class RefusingMapping implements DmaOps {
  readonly name = "refusing";
  readonly takesPeers = false;
  readonly cost: CostCounters;
  readonly #pages: PageLookup;
  readonly #beneath: DmaOps;

  constructor(context: RefusingContext) {
    this.cost = context.beneath.cost;
    this.#pages = context.pages;
    this.#beneath = context.beneath;
  }

  mapList(device: DmaDevice, list: Scatterlist, direction: DmaDirection): DmaResult<number> {
    const refusal = refuseList(list);
    if (refusal !== null) return refusal;
    for (const walk = new ListWalk(list.count, this.cost); walk.next(); ) {
      const phys = (list.phys[walk.index] ?? noEntry(walk.index)) as PhysAddr;
      if (this.#isPeer(phys)) return refusePeer(device, phys);
    }
    return this.#beneath.mapList(device, list, direction);
  }

  unmapList(device: DmaDevice, list: Scatterlist, direction: DmaDirection): void {
    this.#beneath.unmapList(device, list, direction);
  }

  mapRange(device: DmaDevice, range: PhysRange, direction: DmaDirection): DmaResult<DmaMapping> {
    if (this.#isPeer(range.start)) return refusePeer(device, range.start);
    return this.#beneath.mapRange(device, range, direction);
  }

  mapResource(device: DmaDevice, range: PhysRange, direction: DmaDirection): DmaResult<DmaMapping> {
    return this.#beneath.mapResource(device, range, direction);
  }

  unmapRange(device: DmaDevice, mapping: DmaMapping, direction: DmaDirection): void {
    this.#beneath.unmapRange(device, mapping, direction);
  }

  mapProviderRanges(
    device: DmaDevice,
    provider: Provider,
    _ranges: readonly PhysRange[],
    _direction: DmaDirection,
  ): DmaResult<readonly DmaMapping[]> {
    return dmaFailure(
      "EOPNOTSUPP",
      `what maps for ${formatBdf(device.bdf)} does not take memory of ${formatBdf(provider.owner)}, or any peer's`,
    );
  }

  /** Nobody has a mapping of these: throws `bad-input` for any. */
  unmapProviderRanges(device: DmaDevice, mappings: readonly DmaMapping[], direction: DmaDirection): void {
    this.#beneath.unmapProviderRanges(device, mappings, direction);
  }

  /** As {@link unmapProviderRanges}. */
  unlinkProviderRanges(device: DmaDevice, mappings: readonly DmaMapping[], direction: DmaDirection): void {
    this.#beneath.unlinkProviderRanges(device, mappings, direction);
  }

  staleReach(device: DmaDevice, mapping: DmaMapping): StaleReach {
    return this.#beneath.staleReach(device, mapping);
  }

  #isPeer(phys: PhysAddr): boolean {
    return this.#pages.kindAt(phys) === "peer";
  }
}

function refusePeer(device: DmaDevice, phys: PhysAddr): DmaResult<never> {
  return dmaFailure("EREMOTEIO", `what maps for ${formatBdf(device.bdf)} takes no peer page: ${formatAddress(phys)}`);
}

/** Mapping that refuses all peer memory. */
export function refusingOps(context: RefusingContext): DmaOps {
  return new RefusingMapping(context);
}
