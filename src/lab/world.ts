import type { CostCounters, DecidePeer, DmaDevice, DmaOps, PeerMapType } from "../dma/index.ts";
import type { PageLookup, Provider } from "../memory/index.ts";
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
  /** Whether an IOMMU translates for the device. */
  readonly hasIommu: boolean;
  /** The mapping of RAM by a kernel that knows of no peers. */
  readonly host: HostMapping;
  /** The mapping layer of Linux 7.2 for a device. */
  opsOf(device: DmaDevice): DmaOps;
  /** Counts for everything in here. */
  readonly cost: CostCounters;
}

/** Answers of a kernel to the questions that designs ask about a provider and a client, each decided once. */
export class PeerRules {
  readonly #decide: DecidePeer;
  readonly #hasCommonBridge: (provider: Bdf, client: Bdf) => boolean;
  readonly #cost: CostCounters;
  readonly #decided = new Map<Provider, Map<Bdf, PeerMapType>>();

  constructor(decide: DecidePeer, hasCommonBridge: (provider: Bdf, client: Bdf) => boolean, cost: CostCounters) {
    this.#decide = decide;
    this.#hasCommonBridge = hasCommonBridge;
    this.#cost = cost;
  }

  /** The map type by the rules of the machine's kernel. */
  mapType(provider: Provider, client: Bdf): PeerMapType {
    let byClient = this.#decided.get(provider);
    if (byClient === undefined) {
      byClient = new Map();
      this.#decided.set(provider, byClient);
    }
    let type = byClient.get(client);
    if (type === undefined) {
      this.#cost.mapTypeDecisions++;
      type = this.#decide(provider, client);
      byClient.set(client, type);
    }
    return type;
  }

  /** Whether a bridge is above both, whatever ACS says: all that the first patches of 2017 looked at. */
  hasCommonBridge(provider: Provider, client: Bdf): boolean {
    this.#cost.mapTypeDecisions++;
    return this.#hasCommonBridge(provider.owner, client);
  }
}
