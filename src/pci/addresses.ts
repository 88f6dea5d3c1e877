import { PeerlaneError } from "./error.ts";

declare const space: unique symbol;

/** An address as the PCI bus sees it: what a BAR register holds and what a TLP carries. */
export type BusAddr = number & { readonly [space]: "bus" };
/** An address as the CPU sees it: what `/proc/iomem` and the `resource` files show. */
export type PhysAddr = number & { readonly [space]: "phys" };
/** An address of an IOMMU domain, as a device uses it there: it means something in that domain only. */
export type Iova = number & { readonly [space]: "iova" };
/**
 * What a driver programs into a device and the device puts into its TLPs (`dma_addr_t`): a bus address or an IOVA,
 * whichever the DMA API returned. Only the fabric and its IOMMU can say which.
 */
export type DmaAddr = number & { readonly [space]: "dma" };
/** Number of a page of 4 KiB in the CPU's physical space: physical address / 4096. */
export type Pfn = number & { readonly [space]: "pfn" };

/** A run of bytes, half-open, `[start, start + sizeBytes)`: of a disk, a file, a BAR or an address space. */
export interface ByteRange {
  readonly start: number;
  readonly sizeBytes: number;
}

/** A run of CPU physical addresses. */
export interface PhysRange extends ByteRange {
  readonly start: PhysAddr;
}

/** A run of addresses of an IOMMU domain. */
export interface IovaRange extends ByteRange {
  readonly start: Iova;
}

/** A run of bytes as a device is told of it, by the DMA API: all that it knows of memory. */
export interface DmaSpan {
  readonly address: DmaAddr;
  readonly lengthBytes: number;
}

/** Whether two ranges of one thing share a byte. */
export function overlaps(a: ByteRange, b: ByteRange): boolean {
  return a.sizeBytes > 0 && b.sizeBytes > 0 && a.start < b.start + b.sizeBytes && b.start < a.start + a.sizeBytes;
}

/** Whether a range has a byte at a place. */
export function holds({ start, sizeBytes }: ByteRange, at: number): boolean {
  return at >= start && at < start + sizeBytes;
}

/** The page size of the model, in bytes. */
export const PAGE_BYTES = 4096;

function checked(value: number, what: string): number {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new PeerlaneError("bad-input", `${what} ${String(value)} is not an address below 2^53`);
  }
  return value;
}

/** Takes a raw number as a bus address; throws `bad-input` unless it is a safe non-negative integer. */
export function busAddr(value: number): BusAddr {
  return checked(value, "bus address") as BusAddr;
}

/** Takes a raw number as a CPU physical address; throws `bad-input` unless it is a safe non-negative integer. */
export function physAddr(value: number): PhysAddr {
  return checked(value, "physical address") as PhysAddr;
}

/** Takes a raw number as an address of an IOMMU domain; throws `bad-input` unless it is a safe non-negative integer. */
export function iova(value: number): Iova {
  return checked(value, "IOVA") as Iova;
}

/** Takes a raw number as a page frame number; throws `bad-input` unless its page lies below 2^53. */
export function pfn(value: number): Pfn {
  const frame = checked(value, "page frame number") as Pfn;
  checked(frame * PAGE_BYTES, "page frame at");
  return frame;
}

/** A bus address as what a device is given. */
export function dmaFromBus(bus: BusAddr): DmaAddr {
  return bus as number as DmaAddr;
}

/** An IOVA as what a device is given. */
export function dmaFromIova(address: Iova): DmaAddr {
  return address as number as DmaAddr;
}

/** The page that holds a physical address. */
export function pfnOf(phys: PhysAddr): Pfn {
  return Math.floor(phys / PAGE_BYTES) as Pfn;
}

/** The first byte of a page. */
export function physOfPfn(frame: Pfn): PhysAddr {
  return (frame * PAGE_BYTES) as PhysAddr;
}

/** Bus address of a CPU physical address, with `busOffset` = bus - physical as the kernel's provider holds it. */
export function physToBus(phys: PhysAddr, busOffset: number): BusAddr {
  return busAddr(phys + busOffset);
}

/** CPU physical address of a bus address, the inverse of {@link physToBus}. */
export function busToPhys(bus: BusAddr, busOffset: number): PhysAddr {
  return physAddr(bus - busOffset);
}

/** `0x` and hexadecimal digits. */
export function formatAddress(value: number): string {
  return `0x${value.toString(16)}`;
}
