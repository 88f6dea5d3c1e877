import type { Machine } from "../host/machine.ts";
import type { IommuFault, Translation, Translator } from "../iommu/translation.ts";
import { IommuUnits } from "../iommu/units.ts";
import { type DmaAddr, type Iova, PAGE_BYTES, type PhysAddr } from "../pci/addresses.ts";
import type { Bar } from "../pci/bar.ts";
import { type Bdf, formatBdf } from "../pci/bdf.ts";
import { PeerlaneError } from "../pci/error.ts";
import type { PciFunction } from "../pci/function.ts";
import { isUnknown, type Known, type Unknown, unknown } from "../pci/known.ts";
import type { MapType } from "../rules/verdict.ts";

/** What the kernel would hand out to a client for the start of a provider's memory. */
export interface PeerAddress {
  /** Index of the provider's BAR. */
  readonly bar: number;
  readonly address: DmaAddr;
  /** `physical` is the CPU physical address as it is, where no IOMMU translates. */
  readonly kind: "bus" | "physical" | "iova";
}

/** Why there is no address of a provider that has nothing to be reached at. */
export const noMemoryBar: Unknown = unknown("the provider has no memory BAR with an address");

/**
 * The addresses that mapping would give, and an IOMMU that has what they need mapped: one page, for the pair that was
 * asked for last. So asking about a pair allocates nothing.
 *
 * MODEL: the largest memory BAR stands for the provider (the memory of a GPU, the CMB of a controller that has one). Its
 * CPU physical address is the DMA address where no IOMMU translates, as on a PC: no source shows what else a host bridge
 * adds. The client's DMA mask is not looked at; `beyond-dma-mask` of the gates is about that.
 */
export class PeerAddresses implements Translator {
  readonly faults: readonly IommuFault[] = [];
  readonly #units: Known<IommuUnits>;
  readonly #iova: Known<Iova>;
  readonly #bars = new Map<PciFunction, Known<Bar>>();
  #client: Bdf | undefined;
  #phys = 0;
  #hidden: string | undefined;

  constructor(machine: Machine) {
    const units = knownPart(() => new IommuUnits(machine));
    this.#units = units;
    this.#iova = isUnknown(units) ? units : knownPart(() => freeIova(units));
  }

  /** Maps a provider's memory for a client, of which only the last mapping stands; unknown with the reason. */
  map(
    provider: PciFunction,
    client: Bdf,
    mapType: Extract<MapType, "bus-addr" | "thru-host-bridge">,
  ): Known<PeerAddress> {
    this.#client = undefined;
    const bar = this.#barOf(provider);
    if (isUnknown(bar)) return bar;
    const { index, busAddress, physAddress } = bar;
    if (mapType === "bus-addr") {
      if (busAddress === null) return noMemoryBar;
      return isUnknown(busAddress) ? busAddress : { bar: index, address: dma(busAddress), kind: "bus" };
    }
    if (physAddress === null) return noMemoryBar;
    if (isUnknown(physAddress)) return physAddress;
    if (isUnknown(this.#units)) return this.#units;
    if (!this.#units.translates(client)) return { bar: index, address: dma(physAddress), kind: "physical" };
    if (isUnknown(this.#iova)) return this.#iova;
    this.#client = client;
    this.#phys = physAddress;
    return { bar: index, address: dma(this.#iova), kind: "iova" };
  }

  /** True where an IOMMU is known to translate what a requester sends untranslated. */
  isTranslated(requester: Bdf): boolean {
    return !isUnknown(this.#units) && this.#units.translates(requester);
  }

  /** Why the IOMMU is hidden, where it was asked since this was called last; else `undefined`. */
  takeHidden(): string | undefined {
    const hidden = this.#hidden;
    this.#hidden = undefined;
    return hidden;
  }

  translates(requester: Bdf): boolean {
    if (!isUnknown(this.#units)) return this.#units.translates(requester);
    this.#hidden = this.#units.unknown;
    return false;
  }

  translate(requester: Bdf, address: Iova): Translation {
    const offset = isUnknown(this.#iova) ? -1 : address - this.#iova;
    if (requester !== this.#client || offset < 0 || offset >= PAGE_BYTES) return { ok: false, reason: "not-present" };
    return { ok: true, phys: (this.#phys + offset) as PhysAddr, contiguousBytes: PAGE_BYTES - offset };
  }

  #barOf(provider: PciFunction): Known<Bar> {
    let bar = this.#bars.get(provider);
    if (bar === undefined) {
      bar = largestBar(provider);
      this.#bars.set(provider, bar);
    }
    return bar;
  }
}

function dma(address: number): DmaAddr {
  return address as DmaAddr;
}

/** What is asked for, or why the source does not show what it depends on. */
function knownPart<T>(ask: () => T): Known<T> {
  try {
    return ask();
  } catch (error) {
    if (error instanceof PeerlaneError && error.code === "unsupported") return unknown(error.message);
    throw error;
  }
}

function freeIova(units: IommuUnits): Known<Iova> {
  return units.newDomain().iovas.allocate(PAGE_BYTES, 64) ?? unknown("the IOVA space has no free page");
}

function largestBar({ bdf, bars }: PciFunction): Known<Bar> {
  if (isUnknown(bars)) return unknown(`the BARs of ${formatBdf(bdf)}: ${bars.unknown}`);
  let largest: Bar | undefined;
  let most = 0;
  for (const bar of bars) {
    if (bar.kind !== "memory" || bar.index >= 6 || bar.busAddress === null || bar.physAddress === null) continue;
    if (isUnknown(bar.sizeBytes))
      return unknown(`the size of BAR ${bar.index} of ${formatBdf(bdf)}: ${bar.sizeBytes.unknown}`);
    if (bar.sizeBytes > most) {
      largest = bar;
      most = bar.sizeBytes;
    }
  }
  return largest ?? noMemoryBar;
}
