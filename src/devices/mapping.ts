import {
  type CostCounters,
  type DecidePeer,
  type DmaDevice,
  type DmaOps,
  directOps,
  iommuOps,
  refusingOps,
  swiotlbOps,
} from "../dma/index.ts";
import type { IommuUnits } from "../iommu/index.ts";
import type { ByteStore, PageMaps, PagePool } from "../memory/index.ts";
import { PAGE_BYTES, type PhysAddr, type PhysRange } from "../pci/addresses.ts";
import { PeerlaneError } from "../pci/error.ts";
import type { Backend } from "./system-options.ts";

/** What the back ends of a system are made of. */
export interface MappingParts {
  readonly maps: PageMaps;
  readonly decide: DecidePeer;
  readonly cost: CostCounters;
  readonly units: IommuUnits;
  readonly dram: ByteStore;
  readonly ram: PagePool;
}

/** Bounce buffers at most (`IO_TLB_DEFAULT_SIZE`, Linux 7.2), and the part of all RAM that they may take. */
const BOUNCE_BYTES = 2 ** 26;
const BOUNCE_PART = 16;
/** Bounce buffers lie where every device with 32 address bits reaches them. */
const BOUNCE_BELOW = 2 ** 32;

/** The back ends of a system, each made when it is first needed, so that equal devices share one. */
export class Backends {
  readonly #parts: MappingParts;
  readonly #made = new Map<Backend, DmaOps>();

  constructor(parts: MappingParts) {
    this.#parts = parts;
  }

  /** The back end of a name; throws `unsupported` for bounce buffers that find no RAM. */
  named(name: Backend): DmaOps {
    let ops = this.#made.get(name);
    if (ops === undefined) {
      ops = this.#make(name);
      this.#made.set(name, ops);
    }
    return ops;
  }

  /** What the kernel would take: the IOMMU's where one translates the device, else bounce buffers where it needs them. */
  asKernel(device: DmaDevice): DmaOps {
    if (this.#parts.units.dmaDomainOf(device.bdf) !== null) return this.named("iommu");
    return this.named(this.#reachesRam(device) ? "direct" : "swiotlb");
  }

  #make(name: Backend): DmaOps {
    const { maps: pages, decide, cost, units, dram } = this.#parts;
    const context = { pages, decide, cost };
    switch (name) {
      case "direct":
        return directOps(context);
      case "iommu":
        return iommuOps({ ...context, domains: units });
      case "refusing":
        return refusingOps({ pages, beneath: this.#refusedBeneath() });
      case "swiotlb":
        return swiotlbOps({ ...context, memory: dram, pool: this.#takeBounceRange() });
    }
  }

  /** What maps RAM for devices that take no peer memory: the IOMMU's, which maps directly for those in passthrough. */
  #refusedBeneath(): DmaOps {
    return this.named("iommu");
  }

  #takeBounceRange(): PhysRange {
    const { ram } = this.#parts;
    const wanted = Math.min(BOUNCE_BYTES, Math.floor(ram.sizeBytes / BOUNCE_PART / PAGE_BYTES) * PAGE_BYTES);
    const range = wanted < PAGE_BYTES ? null : ram.alloc(wanted, { below: BOUNCE_BELOW });
    if (range !== null) return range;
    throw new PeerlaneError("unsupported", "there is no RAM below 4 GiB for bounce buffers", {
      remedy: "give the model more RAM",
    });
  }

  #reachesRam({ maskBits, ramBusOffset }: DmaDevice): boolean {
    const end = this.#parts.ram.ranges.reduce((most, { start, sizeBytes }) => Math.max(most, start + sizeBytes), 0);
    return end + ramBusOffset <= 2 ** maskBits;
  }
}

/** RAM that nobody hands out: page 0, so that a DMA address of 0 is never right. */
export function keepFirstPage(ram: PagePool): void {
  const isFromZero = ram.ranges.some(({ start }) => start === (0 as PhysAddr));
  if (isFromZero) ram.alloc(PAGE_BYTES);
}
