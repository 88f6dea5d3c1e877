import type { IommuDomain } from "../iommu/domain.ts";
import { PERMIT_READ, PERMIT_WRITE } from "../iommu/page-table.ts";
import type { CostCounters } from "../memory/cost.ts";
import { formatAddress, type Iova, PAGE_BYTES, type PhysAddr } from "../pci/addresses.ts";
import type { Bdf } from "../pci/bdf.ts";
import { PeerlaneError } from "../pci/error.ts";
import type { DmaDevice, DmaDirection } from "./dma-device.ts";
import { type DmaResult, dmaFailure } from "./dma-error.ts";

/** Where the DMA API finds a requester's domain: {@link IommuUnits}, or a stand-in. `null`: no IOMMU translates it. */
export interface DmaDomains {
  dmaDomainOf(requester: Bdf): IommuDomain | null;
}

/** What a device may do with memory that is mapped for a direction. */
export function permissionOf(direction: DmaDirection): number {
  switch (direction) {
    case "to-device":
      return PERMIT_READ;
    case "from-device":
      return PERMIT_WRITE;
    case "bidirectional":
      return PERMIT_READ | PERMIT_WRITE;
  }
}

/** The first byte of the page that holds an address. */
export function pageStart(address: number): number {
  return Math.floor(address / PAGE_BYTES) * PAGE_BYTES;
}

/** The end of the page that holds the byte before an address. */
export function pageEnd(address: number): number {
  return Math.ceil(address / PAGE_BYTES) * PAGE_BYTES;
}

/**
 * The two-step API: IOVA space first, then ranges linked into it (`struct dma_iova_state`, Linux 7.2). Made by
 * {@link tryAllocIova}; ends with {@link IovaState.destroy}, or with {@link IovaState.free} where nothing is linked.
 *
 * MODEL: what is linked translates at once; hardware that remembers absent pages needs {@link IovaState.sync} first.
 */
export class IovaState {
  /** Where the first byte lies: in its page as far in as the physical address that the space was asked for. */
  readonly address: Iova;
  readonly sizeBytes: number;
  readonly #domain: IommuDomain;
  #linkedBytes = 0;
  #isLive = true;

  constructor(domain: IommuDomain, address: Iova, sizeBytes: number) {
    this.address = address;
    this.sizeBytes = sizeBytes;
    this.#domain = domain;
  }

  /**
   * Maps a range `offsetBytes` from the start (`dma_iova_link`) and gives its IOVA. EIO where the range would share a
   * page with another: only the first may begin and only the last may end inside a page. Throws `bad-input` outside of
   * the space.
   */
  link(phys: PhysAddr, offsetBytes: number, sizeBytes: number, direction: DmaDirection): DmaResult<Iova> {
    this.#requireInside(offsetBytes, sizeBytes);
    const address = this.address + offsetBytes;
    const first = pageStart(address);
    const isAligned = phys % PAGE_BYTES === address - first && (offsetBytes === 0 || address === first);
    if (!isAligned) {
      return dmaFailure(
        "EIO",
        `${formatAddress(phys)} cannot be linked at IOVA ${formatAddress(address)}: inside a page`,
      );
    }
    const bytes = pageEnd(address + sizeBytes) - first;
    if (!this.#domain.isFree(first as Iova, bytes)) {
      return dmaFailure("EIO", `IOVA ${formatAddress(address)} + ${sizeBytes} is linked already`);
    }
    this.#domain.map(first as Iova, pageStart(phys) as PhysAddr, bytes, permissionOf(direction));
    this.#linkedBytes += bytes;
    return { ok: true, value: address as Iova };
  }

  /** Tells the IOMMU of what was linked, once for all of it (`dma_iova_sync`): to be called before the device uses it. */
  sync(offsetBytes: number, sizeBytes: number): void {
    this.#requireInside(offsetBytes, sizeBytes);
  }

  /** Unmaps a linked range and waits until the IOTLB forgot it, in lazy domains as well (`dma_iova_unlink`). */
  unlink(offsetBytes: number, sizeBytes: number): void {
    this.#requireInside(offsetBytes, sizeBytes);
    const first = pageStart(this.address + offsetBytes);
    const bytes = pageEnd(this.address + offsetBytes + sizeBytes) - first;
    this.#linkedBytes -= this.#domain.unmap(first as Iova, bytes);
  }

  /** Unmaps whatever is linked, in one go, and frees the space (`dma_iova_destroy`). */
  destroy(): void {
    this.#end();
    const first = pageStart(this.address);
    this.#domain.release(first as Iova, pageEnd(this.address + this.sizeBytes) - first);
  }

  /** Frees the space (`dma_iova_free`); throws `bad-input` where something is linked. */
  free(): void {
    if (this.#linkedBytes > 0)
      throw new PeerlaneError("bad-input", "ranges are linked still; destroy the state instead");
    this.#end();
    this.#domain.iovas.free(pageStart(this.address) as Iova);
  }

  #end(): void {
    if (!this.#isLive) throw new PeerlaneError("bad-input", "this IOVA space was given back already");
    this.#isLive = false;
  }

  #requireInside(offsetBytes: number, sizeBytes: number): void {
    if (!this.#isLive) throw new PeerlaneError("bad-input", "this IOVA space was given back already");
    if (!(offsetBytes >= 0) || !(sizeBytes > 0) || offsetBytes + sizeBytes > this.sizeBytes) {
      throw new PeerlaneError(
        "bad-input",
        `${offsetBytes} + ${sizeBytes} bytes lie outside of ${this.sizeBytes} bytes of IOVA space`,
      );
    }
  }
}

/** {@link IommuDomain.allocate} within a device's mask. */
export function allocateIova(domain: IommuDomain, device: DmaDevice, sizeBytes: number): Iova | null {
  return domain.allocate(sizeBytes, device.maskBits);
}

/**
 * IOVA space for ranges of `sizeBytes` in all, of which the first begins at `phys` (`dma_iova_try_alloc`, Linux 7.2).
 * `null` where no IOMMU translates the device or its space is used up: then each range is mapped by itself.
 */
export function tryAllocIova(
  domains: DmaDomains,
  device: DmaDevice,
  phys: PhysAddr,
  sizeBytes: number,
  cost: CostCounters,
): IovaState | null {
  const domain = domains.dmaDomainOf(device.bdf);
  if (domain === null || !(sizeBytes > 0)) return null;
  const inPage = phys - pageStart(phys);
  const start = allocateIova(domain, device, inPage + sizeBytes);
  if (start === null) return null;
  cost.allocations++;
  return new IovaState(domain, (start + inPage) as Iova, sizeBytes);
}
