import { directOps } from "../dma/direct.ts";
import type { DecidePeer, DmaDevice } from "../dma/dma-device.ts";
import type { DmaOps } from "../dma/dma-ops.ts";
import { iommuOps } from "../dma/iommu.ts";
import { refusingOps } from "../dma/refusing.ts";
import { swiotlbOps } from "../dma/swiotlb.ts";
import type { IommuUnits } from "../iommu/units.ts";
import type { ByteStore } from "../memory/bytes.ts";
import type { CostCounters } from "../memory/cost.ts";
import type { PageMaps } from "../memory/page-maps.ts";
import type { PagePool } from "../memory/page-pool.ts";
import type { Provider } from "../memory/provider.ts";
import { PAGE_BYTES, type PhysAddr, type PhysRange } from "../pci/addresses.ts";
import type { Bdf } from "../pci/bdf.ts";
import { PeerlaneError } from "../pci/error.ts";
import { wrongArgument } from "../pci/wrong-argument.ts";
import type { Documented } from "./documented.ts";
import { storesOnlyOps } from "./stores-only.ts";
import { BACKENDS, type Backend, type BackendName } from "./system-options.ts";

/** What the back ends of a system are made of. */
export interface MappingParts {
  readonly maps: PageMaps;
  readonly decide: DecidePeer;
  readonly cost: CostCounters;
  readonly units: IommuUnits;
  readonly dram: ByteStore;
  /** What is documented of the hardware between a provider and a client. */
  readonly documented: (provider: Provider, client: Bdf) => Documented;
  readonly ram: PagePool;
  /** RAM for bounce buffers, `null` where there are none. */
  readonly bounceRange: PhysRange | null;
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

  /**
   * The back end of a name, or one's own; throws `unsupported` for bounce buffers without RAM, `usage` for one's own that has
   * the name of another.
   */
  of(backend: Backend): DmaOps {
    let ops = this.#made.get(backend);
    if (ops === undefined) {
      const name = BACKENDS.find((known) => known === backend);
      ops = name === undefined ? this.#open(backend) : this.#make(name);
      this.#made.set(backend, ops);
    }
    return ops;
  }

  /**
   * What the kernel would take: the IOMMU's where one translates the device, else bounce buffers where it needs them and
   * there are some. Without, what lies beyond the device's mask is EIO.
   */
  asKernel(device: DmaDevice): DmaOps {
    const { units, ram, bounceRange } = this.#parts;
    if (units.dmaDomainOf(device.bdf) !== null) return this.of("iommu");
    return this.of(bounceRange === null || reachesRam(ram, device) ? "direct" : "swiotlb");
  }

  #make(name: BackendName): DmaOps {
    const { maps: pages, decide, cost, units, dram, bounceRange } = this.#parts;
    const context = { pages, decide, cost };
    switch (name) {
      case "direct":
        return directOps(context);
      case "iommu":
        return iommuOps({ ...context, domains: units });
      case "refusing":
        return refusingOps({ pages, beneath: this.#refusedBeneath() });
      case "stores-only":
        return storesOnlyOps({ ...context, domains: units, documented: this.#parts.documented });
      case "swiotlb":
        if (bounceRange === null) throw noBounceBuffers();
        return swiotlbOps({ ...context, memory: dram, pool: bounceRange });
    }
  }

  #open(own: Backend): DmaOps {
    if (typeof own !== "object" || typeof own?.open !== "function" || typeof own.name !== "string") {
      const expected = `one of ${BACKENDS.join(", ")}, or an object with 'name' and 'open'`;
      throw wrongArgument({ call: "buildSystem", argument: "backend", given: own, expected });
    }
    if (BACKENDS.some((name) => name === own.name)) {
      throw new PeerlaneError("usage", `the model has a back end named '${own.name}' of its own`, {
        remedy: "give yours another name",
      });
    }
    const { maps: pages, decide, cost, units: domains, dram, ram } = this.#parts;
    const parts = { pages, decide, cost, domains, dram, ram };
    return own.open({
      ...parts,
      named: (name) => this.of(name),
      asKernel: (device) => this.asKernel(device),
    });
  }

  /** What maps RAM for devices that take no peer memory: the IOMMU's, which maps directly for those in passthrough. */
  #refusedBeneath(): DmaOps {
    return this.of("iommu");
  }
}

/** Takes RAM for bounce buffers, `null` where there is none: before anybody else takes RAM, as the kernel does at boot. */
export function reserveBounceRange(ram: PagePool): PhysRange | null {
  const wanted = Math.min(BOUNCE_BYTES, Math.floor(ram.sizeBytes / BOUNCE_PART / PAGE_BYTES) * PAGE_BYTES);
  return wanted < PAGE_BYTES ? null : ram.alloc(wanted, { below: BOUNCE_BELOW });
}

/** True where the kernel would want bounce buffers: RAM goes on above 4 GiB, or one of the devices does not reach it all. */
export function wantsBounceBuffers(ram: PagePool, devices: readonly DmaDevice[]): boolean {
  return endOf(ram) > BOUNCE_BELOW || devices.some((device) => !reachesRam(ram, device));
}

function reachesRam(ram: PagePool, { maskBits, ramBusOffset }: DmaDevice): boolean {
  return endOf(ram) + ramBusOffset <= 2 ** maskBits;
}

function endOf(ram: PagePool): number {
  return ram.ranges.reduce((most, { start, sizeBytes }) => Math.max(most, start + sizeBytes), 0);
}

function noBounceBuffers(): PeerlaneError {
  return new PeerlaneError("unsupported", "there is no RAM below 4 GiB for bounce buffers", {
    remedy: "give the model more RAM",
  });
}

/** RAM that nobody hands out: page 0, so that a DMA address of 0 is never right. */
export function keepFirstPage(ram: PagePool): void {
  const isFromZero = ram.ranges.some(({ start }) => start === (0 as PhysAddr));
  if (isFromZero) ram.alloc(PAGE_BYTES);
}
