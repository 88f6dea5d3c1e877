import type { Documented } from "../devices/documented.ts";
import type { DecidePeer, DmaDevice } from "../dma/dma-device.ts";
import type { DmaOps } from "../dma/dma-ops.ts";
import { PeerDecisions } from "../dma/peer-decisions.ts";
import type { Scatterlist } from "../dma/scatterlist.ts";
import type { CostCounters } from "../memory/cost.ts";
import type { PageLookup } from "../memory/page-kind.ts";
import type { Provider } from "../memory/provider.ts";
import type { PhysAddr } from "../pci/addresses.ts";
import type { Bdf } from "../pci/bdf.ts";
import type { HostMapping } from "./host-mapping.ts";

/** What a design sees of a machine: its kernel's own view, in a guest that of the guest's kernel. */
export interface LabWorld {
  /** Who issues the DMA. */
  readonly device: DmaDevice;
  /** For whom the memory was chosen: the same device, unless the request went to another one on its way. */
  readonly planned: DmaDevice;
  /** The struct pages. */
  readonly pages: PageLookup;
  /** Whose memory an address is, as its allocator knows without struct pages; `null` for RAM. */
  providerOf(phys: PhysAddr): Provider | null;
  readonly rules: PeerRules;
  /** Makes an object that travels beside a request. */
  sideObject<T extends object>(made: T): T;
  /** Whether an IOMMU translates for the device. */
  readonly hasIommu: boolean;
  /** What is documented of the hardware between a provider and the device, each way; words for people. */
  documented(provider: Provider): Documented;
  /** Takes system memory for a segment instead, with the bytes that are there. */
  moveToHost(list: Scatterlist, index: number): void;
  /** The mapping of RAM by a kernel that knows of no peers. */
  readonly host: HostMapping;
  /** The mapping layer of Linux 7.2 for a device. */
  opsOf(device: DmaDevice): DmaOps;
  /** Counts for everything in here. */
  readonly cost: CostCounters;
}

/** Answers of a kernel to the questions that designs ask about a provider and a client. */
export class PeerRules extends PeerDecisions {
  readonly #hasCommonBridge: (provider: Bdf, client: Bdf) => boolean;
  readonly #counted: CostCounters;

  constructor(decide: DecidePeer, hasCommonBridge: (provider: Bdf, client: Bdf) => boolean, cost: CostCounters) {
    super(decide, cost);
    this.#hasCommonBridge = hasCommonBridge;
    this.#counted = cost;
  }

  /** Whether a bridge is above both, whatever ACS says: all that the first patches of 2017 looked at. */
  hasCommonBridge(provider: Provider, client: Bdf): boolean {
    this.#counted.mapTypeDecisions++;
    return this.#hasCommonBridge(provider.owner, client);
  }
}
