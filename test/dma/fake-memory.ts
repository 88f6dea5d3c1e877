import type { DmaDevice, PeerMapType } from "../../src/dma/dma-device.ts";
import { type Invalidation, IommuDomain } from "../../src/iommu/domain.ts";
import type { ReservedRange } from "../../src/iommu/iova-allocator.ts";
import type { PageKind, PageLookup } from "../../src/memory/page-kind.ts";
import type { Provider } from "../../src/memory/provider.ts";
import { type PhysAddr, type PhysRange, physAddr } from "../../src/pci/addresses.ts";
import { type Bdf, makeBdf } from "../../src/pci/bdf.ts";

/** A run of pages of one kind. */
export interface FakeRegion {
  readonly start: number;
  readonly sizeBytes: number;
  readonly kind: PageKind;
  readonly provider?: Provider;
}

/** Pages as a list of regions says. */
export class FakePages implements PageLookup {
  readonly regions: readonly FakeRegion[];
  /** Pages looked at, and providers looked up. */
  touches = 0;
  lookups = 0;

  constructor(regions: readonly FakeRegion[]) {
    this.regions = regions;
  }

  kindAt(phys: PhysAddr): PageKind | null {
    this.touches++;
    return this.#at(phys)?.kind ?? null;
  }

  providerAt(phys: PhysAddr): Provider | null {
    this.lookups++;
    return this.#at(phys)?.provider ?? null;
  }

  isOneMemory(start: PhysAddr, sizeBytes: number): boolean {
    const region = this.#at(start);
    return region !== undefined && start + sizeBytes <= region.start + region.sizeBytes;
  }

  #at(phys: PhysAddr): FakeRegion | undefined {
    return this.regions.find(({ start, sizeBytes }) => phys >= start && phys < start + sizeBytes);
  }
}

/** The client of all tests, 0000:05:00.0. */
export const CLIENT: Bdf = makeBdf(0, 5, 0, 0);

/** A device at {@link CLIENT} that issues 64 bits behind a host bridge that adds nothing, unless told. */
export function device(options: Partial<DmaDevice> = {}): DmaDevice {
  return { bdf: CLIENT, maskBits: 64, ramBusOffset: 0, ...options };
}

/** A provider at 0000:03:00.`index`, BAR 0, with all addresses unless told. */
export function provider(index: number, busOffset: number, bar: PhysRange = range(0, 2 ** 52)): Provider {
  return { owner: makeBdf(0, 3, 0, index), bar: 0, busOffset, range: bar };
}

/** A range from plain numbers. */
export function range(start: number, sizeBytes: number): PhysRange {
  return { start: physAddr(start), sizeBytes };
}

/** Rules that answer from a table, counting the questions. */
export function rules(types: ReadonlyMap<Provider, PeerMapType>): {
  readonly decide: (provider: Provider, client: Bdf) => PeerMapType;
  asked: number;
} {
  const table = {
    asked: 0,
    decide: (provider: Provider): PeerMapType => {
      table.asked++;
      return types.get(provider) ?? "not-supported";
    },
  };
  return table;
}

/** What no IOVA may lie in, as on a small PC. */
export const RESERVED: readonly ReservedRange[] = [
  { start: 0xc000_0000, sizeBytes: 0x3e80_0000, what: "window" },
  { start: 0xfee0_0000, sizeBytes: 0x10_0000, what: "MSI window" },
  { start: 0x38_0000_0000, sizeBytes: 0x10_0000_0000, what: "64-bit window" },
];

/** A domain with {@link RESERVED}. */
export function domain(invalidation: Invalidation = "strict", flushQueueEntries = 8): IommuDomain {
  return new IommuDomain({ space: { addressBits: 48, reserved: RESERVED }, invalidation, flushQueueEntries });
}
