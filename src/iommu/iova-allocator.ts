import { type CostCounters, noCost } from "../memory/cost.ts";
import { FreeRuns } from "../memory/free-runs.ts";
import { type ByteRange, formatAddress, type Iova, PAGE_BYTES } from "../pci/addresses.ts";
import { PeerlaneError } from "../pci/error.ts";

/** A run of addresses that no IOVA may lie in, as the device would see them. */
export interface ReservedRange extends ByteRange {
  /** What lies there, for people. */
  readonly what: string;
}

/** The IOVA space of a domain. */
export interface IovaSpace {
  /** Bits of an IOVA that the page table translates, 13 to 52. */
  readonly addressBits: number;
  readonly reserved: readonly ReservedRange[];
}

const BITS_BELOW_4_GIB = 32;

/**
 * Hands out ranges of IOVA space as `alloc_iova` does (Linux 7.2): page granular, top down, aligned to the power of two
 * at or above the size, below the device's mask and below 4 GiB first. Page 0 is never handed out.
 *
 * MODEL: no per-CPU caches of recently freed ranges: they change which address comes next, not which addresses may come.
 */
export class IovaAllocator {
  readonly space: IovaSpace;
  readonly #cost: CostCounters;
  readonly #gaps = new FreeRuns();
  /** Pages of each live range by its first page. */
  readonly #live = new Map<number, number>();
  #livePages = 0;
  /** As the kernel's workaround for devices that claim 64 bits and have fewer: ends with the first failure below 4 GiB. */
  #triesBelow4GiB = true;

  /** Counts to `cost`, where it is given. Throws `bad-input` for widths out of range. */
  constructor(space: IovaSpace, cost: CostCounters = noCost()) {
    if (!Number.isInteger(space.addressBits) || space.addressBits < 13 || space.addressBits > 52) {
      throw new PeerlaneError("bad-input", `an IOVA space of ${space.addressBits} bits; 13 to 52 are possible`);
    }
    this.space = space;
    this.#cost = cost;
    this.#gaps.give(1, 2 ** space.addressBits / PAGE_BYTES);
    for (const { start, sizeBytes } of space.reserved) {
      // An empty range inside of a page would round to all of it.
      if (sizeBytes > 0)
        this.#gaps.withdraw(Math.floor(start / PAGE_BYTES), Math.ceil((start + sizeBytes) / PAGE_BYTES));
    }
  }

  /** A range of at least `sizeBytes` (whole pages) below `2 ** maskBits`, `null` where there is no such space. */
  allocate(sizeBytes: number, maskBits: number): Iova | null {
    if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 1) {
      throw new PeerlaneError("bad-input", `cannot allocate ${sizeBytes} bytes of IOVA space`);
    }
    const pages = Math.ceil(sizeBytes / PAGE_BYTES);
    let alignment = 1;
    while (alignment < pages) alignment *= 2;
    let start = -1;
    if (maskBits > BITS_BELOW_4_GIB && this.#triesBelow4GiB) {
      start = this.#gaps.takeHighest(pages, alignment, 2 ** BITS_BELOW_4_GIB / PAGE_BYTES);
      if (start < 0) this.#triesBelow4GiB = false;
    }
    if (start < 0) start = this.#gaps.takeHighest(pages, alignment, Math.floor(2 ** maskBits / PAGE_BYTES));
    if (start < 0) return null;
    this.#live.set(start, pages);
    this.#livePages += pages;
    this.#cost.iovaAllocations++;
    return (start * PAGE_BYTES) as Iova;
  }

  /** Takes a range back, by any address in its first page; throws `bad-input` where none starts there. */
  free(address: Iova): void {
    const start = Math.floor(address / PAGE_BYTES);
    const pages = this.#live.get(start);
    if (pages === undefined || !this.#gaps.give(start, start + pages)) {
      throw new PeerlaneError("bad-input", `no IOVA range starts at ${formatAddress(address)}: freed twice, or never`);
    }
    this.#live.delete(start);
    this.#livePages -= pages;
    this.#cost.iovaAllocations++;
  }

  /** True where a range that was handed out and not freed starts in the page of an address. */
  isLive(address: Iova): boolean {
    return this.#live.has(Math.floor(address / PAGE_BYTES));
  }

  /** Ranges handed out and not freed. */
  get allocationCount(): number {
    return this.#live.size;
  }

  /** Bytes handed out and not freed. */
  get allocatedBytes(): number {
    return this.#livePages * PAGE_BYTES;
  }

  /** What is free, ascending: for tests of what a failure leaves behind. */
  freeRanges(): readonly ByteRange[] {
    return this.#gaps.runs().map(({ start, end }) => ({
      start: start * PAGE_BYTES,
      sizeBytes: (end - start) * PAGE_BYTES,
    }));
  }
}
