import type { CostCounters } from "../memory/cost.ts";
import type { PageLookup } from "../memory/page-kind.ts";
import type { Provider } from "../memory/provider.ts";
import { formatAddress, type PhysAddr, type PhysRange } from "../pci/addresses.ts";
import { type Bdf, formatBdf } from "../pci/bdf.ts";
import type { DecidePeer } from "./dma-device.ts";
import { type DmaFailure, dmaFailure } from "./dma-error.ts";
import { PeerDecisions } from "./peer-decisions.ts";

/** How one segment is mapped, as bytes for the hot loops (`enum pci_p2pdma_map_type`, Linux 7.2, and what it lacks). */
export const SEGMENT_MEMORY = 0;
export const SEGMENT_BUS_ADDR = 1;
export const SEGMENT_THRU_HOST_BRIDGE = 2;
export const SEGMENT_REFUSED = 3;
/** No page is there, or one that no other device can reach: there is nothing to map. */
export const SEGMENT_NO_PAGE = 4;
/** It begins in one memory and ends in another, or nowhere. */
export const SEGMENT_LEAVES = 5;

/** What every back end needs to know of memory and rules. */
export interface MappingContext {
  readonly pages: PageLookup;
  readonly decide: DecidePeer;
  /** Counters to add to; new ones unless given. */
  readonly cost?: CostCounters;
}

/**
 * Tells for each segment of a list how it is mapped (`pci_p2pdma_state`, Linux 7.2); the rules' answer is looked up once
 * per run of segments of one provider. A segment that leaves the memory it begins in is none: the kernel's callers never make
 * one, and its first page alone would say where the rest goes.
 */
export class PeerSegments {
  /** What the provider of the last `SEGMENT_BUS_ADDR` adds. */
  busOffset = 0;
  readonly #pages: PageLookup;
  readonly #decisions: PeerDecisions;
  #client: Bdf | undefined;
  #provider: Provider | null = null;
  #type = SEGMENT_REFUSED;

  constructor(context: MappingContext, cost: CostCounters) {
    this.#pages = context.pages;
    this.#decisions = new PeerDecisions(context.decide, cost);
  }

  /** Starts a list, or anything else, of a client. */
  begin(client: Bdf): void {
    this.#client = client;
    this.#provider = null;
  }

  /** How a segment is mapped, a `SEGMENT_…`. */
  classify(phys: PhysAddr, sizeBytes: number): number {
    const kind = this.#pages.kindAt(phys);
    if (kind === null || kind === "private") return SEGMENT_NO_PAGE;
    if (!this.#pages.isOneMemory(phys, sizeBytes)) return SEGMENT_LEAVES;
    if (kind !== "peer") return SEGMENT_MEMORY;
    const provider = this.#pages.providerAt(phys);
    if (provider === null) return SEGMENT_NO_PAGE;
    return this.classifyProvider(provider);
  }

  /** The same for memory of a provider that needs no page. */
  classifyProvider(provider: Provider): number {
    if (provider !== this.#provider) {
      this.#provider = provider;
      this.busOffset = provider.busOffset;
      this.#type = this.#typeFor(provider);
    }
    return this.#type;
  }

  /** The same for ranges of a provider without pages, at least one: none may leave the BAR. */
  classifyRanges(provider: Provider, ranges: readonly PhysRange[]): number {
    for (const range of ranges) if (!isWithin(provider.range, range)) return SEGMENT_LEAVES;
    return this.classifyProvider(provider);
  }

  /** The failure for a segment that cannot be mapped: EREMOTEIO for pages of a peer (`pci_p2pdma_state`, Linux 7.2). */
  failure(type: number, phys: PhysAddr): DmaFailure {
    if (type === SEGMENT_LEAVES) {
      return dmaFailure("EINVAL", `what begins at ${formatAddress(phys)} leaves its provider, or RAM`);
    }
    return this.#failure(type, phys, "EREMOTEIO");
  }

  /** The same for ranges of a provider without pages: EINVAL (`dma_buf_phys_vec_to_sgt`, Linux 7.2 and 7.3). */
  rangeFailure(type: number, provider: Provider, ranges: readonly PhysRange[]): DmaFailure {
    const { start } = ranges[0] as PhysRange;
    if (type !== SEGMENT_LEAVES) return this.#failure(type, start, "EINVAL");
    const { owner, bar, range } = provider;
    const outside = ranges.find((one) => !isWithin(range, one)) as PhysRange;
    const place = `${formatAddress(outside.start)} + ${outside.sizeBytes}`;
    return dmaFailure("EINVAL", `${place} is not within BAR ${bar} of ${formatBdf(owner)}`);
  }

  #failure(type: number, phys: PhysAddr, refused: "EREMOTEIO" | "EINVAL"): DmaFailure {
    const where = `physical address ${formatAddress(phys)}`;
    if (type === SEGMENT_NO_PAGE) return dmaFailure("EINVAL", `no page that a device can reach is at ${where}`);
    const client = this.#client === undefined ? "the client" : formatBdf(this.#client);
    const owner = this.#provider === null ? "" : ` of ${formatBdf(this.#provider.owner)}`;
    return dmaFailure(refused, `${client} cannot reach the peer memory${owner} at ${where}`);
  }

  #typeFor(provider: Provider): number {
    const client = this.#client;
    if (client === undefined) return SEGMENT_REFUSED;
    return TYPES[this.#decisions.mapType(provider, client)];
  }
}

function isWithin(outer: PhysRange, { start, sizeBytes }: PhysRange): boolean {
  return start >= outer.start && start + sizeBytes <= outer.start + outer.sizeBytes;
}

const TYPES: Readonly<Record<ReturnType<DecidePeer>, number>> = {
  "bus-addr": SEGMENT_BUS_ADDR,
  "thru-host-bridge": SEGMENT_THRU_HOST_BRIDGE,
  "not-supported": SEGMENT_REFUSED,
};
