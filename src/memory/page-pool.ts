import { formatAddress, PAGE_BYTES, type PhysAddr, type PhysRange } from "../pci/addresses.ts";
import { PeerlaneError } from "../pci/error.ts";
import { PageAllocator } from "./page-allocator.ts";
import { type PageMaps, requireWholePages } from "./page-maps.ts";
import type { Pagemap } from "./pagemap.ts";
import type { Provider } from "./provider.ts";
import { RangeTable } from "./range-table.ts";

/** Where an allocation may lie. */
export interface AllocBounds {
  /** The first address that will do. */
  readonly from?: PhysAddr;
  /** The first address that is too high: 2^32 for what a 32-bit engine has to reach. */
  readonly below?: number;
}

/** One range of a pool. */
interface PoolRange {
  readonly pagemap: Pagemap;
  readonly allocator: PageAllocator;
}

/**
 * Pages of several ranges, allocated as contiguous runs that never leave a range. An allocation holds one reference to
 * each of its pages; `free` drops it, and a page comes back once its last user is gone, which may be later.
 */
export class PagePool {
  readonly #maps: PageMaps;
  readonly #kind: "ram" | "peer";
  readonly #ranges: PoolRange[] = [];
  readonly #rangeTable = new RangeTable<PoolRange>();
  /** Bytes of each allocation that was not freed, by its start. */
  readonly #allocations = new Map<number, number>();
  /** Called when pages came back. */
  readonly #onReturn: () => void;

  constructor(maps: PageMaps, kind: "ram" | "peer", onReturn: () => void = () => {}) {
    this.#maps = maps;
    this.#kind = kind;
    this.#onReturn = onReturn;
  }

  /** Adds a range, page granular, and makes its struct pages; throws as {@link PageMaps.add}. */
  addRange(range: PhysRange, provider: Provider | null): void {
    requireWholePages(range);
    const allocator = new PageAllocator(range.start / PAGE_BYTES, range.sizeBytes / PAGE_BYTES);
    const release = (run: PhysRange): void => {
      allocator.free(run.start / PAGE_BYTES, run.sizeBytes / PAGE_BYTES);
      this.#onReturn();
    };
    const pagemap = this.#maps.add({ range, kind: this.#kind, provider, release });
    const added = { pagemap, allocator };
    this.#ranges.push(added);
    this.#rangeTable.add(range.start, range.sizeBytes, added);
  }

  /** Its ranges, in the order in which they were added. */
  get ranges(): readonly PhysRange[] {
    return this.#ranges.map(({ pagemap }) => pagemap.range);
  }

  /** Its pagemaps, in the order of {@link ranges}. */
  get pagemaps(): readonly Pagemap[] {
    return this.#ranges.map(({ pagemap }) => pagemap);
  }

  get sizeBytes(): number {
    return this.#ranges.reduce((sum, { pagemap }) => sum + pagemap.range.sizeBytes, 0);
  }

  /** Bytes that nobody holds; not always in one run. */
  get availableBytes(): number {
    return this.#ranges.reduce((sum, { allocator }) => sum + allocator.freePages * PAGE_BYTES, 0);
  }

  /** Bytes of the largest run: the most that one {@link alloc} can give. */
  get largestRunBytes(): number {
    return this.#ranges.reduce((most, { allocator }) => Math.max(most, allocator.largestRun * PAGE_BYTES), 0);
  }

  /** Pages that somebody holds: allocations, user mappings, pins. */
  get pagesInUse(): number {
    return this.#ranges.reduce((sum, { pagemap }) => sum + pagemap.counts.inUse, 0);
  }

  /** Allocations that were not freed. */
  get allocations(): number {
    return this.#allocations.size;
  }

  /** True where the pool has the address. */
  holds(phys: PhysAddr): boolean {
    return this.#rangeTable.indexAt(phys) >= 0;
  }

  /** Takes a run of at least `sizeBytes`, rounded up to pages; `null` where there is none. */
  alloc(sizeBytes: number, bounds: AllocBounds = {}): PhysRange | null {
    const range = this.takePages(sizeBytes, bounds);
    if (range !== null) this.#allocations.set(range.start, range.sizeBytes);
    return range;
  }

  /**
   * Frees an allocation as a whole. Throws `bad-input` for anything else: a second time, another size, pages of somebody
   * else.
   */
  free(range: PhysRange): void {
    const allocated = this.#allocations.get(range.start);
    if (allocated === undefined || allocated !== wholePages(range.sizeBytes)) {
      throw new PeerlaneError("bad-input", this.#whyNotFreed(range, allocated), {
        facts: { start: formatAddress(range.start), size: formatAddress(range.sizeBytes) },
        remedy: "free each allocation once, with the range that alloc returned",
      });
    }
    this.#allocations.delete(range.start);
    this.#maps.putPages({ start: range.start, sizeBytes: allocated });
  }

  /** As {@link alloc}, but each page comes back by itself when its holder puts it: for user mappings. */
  takePages(sizeBytes: number, bounds: AllocBounds = {}): PhysRange | null {
    const bytes = wholePages(sizeBytes);
    const from = Math.ceil((bounds.from ?? 0) / PAGE_BYTES);
    for (const { allocator } of this.#ranges) {
      const page = allocator.alloc(bytes / PAGE_BYTES, from);
      if (page < 0) continue;
      const range: PhysRange = { start: (page * PAGE_BYTES) as PhysAddr, sizeBytes: bytes };
      // First-fit found the lowest run: where that is too high, all are.
      if (bounds.below !== undefined && range.start + bytes > bounds.below) {
        allocator.free(page, bytes / PAGE_BYTES);
        continue;
      }
      this.#maps.handOut(range);
      return range;
    }
    return null;
  }

  /** Takes the struct pages away; throws `operation-failed` while somebody holds one. */
  close(): void {
    for (const { pagemap } of this.#ranges) {
      this.#maps.remove(pagemap);
      this.#rangeTable.remove(pagemap.range.start);
    }
    this.#ranges.length = 0;
  }

  #whyNotFreed(range: PhysRange, allocated: number | undefined): string {
    if (!this.holds(range.start)) return `${formatAddress(range.start)} is no page of this pool`;
    if (allocated === undefined)
      return `no allocation starts at ${formatAddress(range.start)}: never made, or freed before`;
    return `the allocation at ${formatAddress(range.start)} has ${allocated} bytes, not ${range.sizeBytes}`;
  }
}

function wholePages(sizeBytes: number): number {
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 1) {
    throw new PeerlaneError("bad-input", `${sizeBytes} is no number of bytes to allocate or free`);
  }
  return Math.ceil(sizeBytes / PAGE_BYTES) * PAGE_BYTES;
}
