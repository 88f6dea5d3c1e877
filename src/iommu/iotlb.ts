import { PAGE_BYTES } from "../pci/addresses.ts";
import { noEntry } from "../pci/entry-at.ts";

const SLOTS = 1024;

/**
 * What an IOMMU remembers of the translations that it did. It answers from here before it looks at the page table, so
 * an entry that was not invalidated goes on translating after its page was unmapped.
 *
 * MODEL: one direct-mapped cache of 1,024 pages per domain, the same for all units, and no caches in devices (ATS).
 */
export class Iotlb {
  readonly #pages = new Float64Array(SLOTS).fill(-1);
  readonly #phys = new Float64Array(SLOTS);
  readonly #permissions = new Uint8Array(SLOTS);
  #count = 0;

  /** The slot that holds a page (IOVA / 4096), -1 where none does. */
  find(page: number): number {
    const slot = page & (SLOTS - 1);
    return this.#pages[slot] === page ? slot : -1;
  }

  physIn(slot: number): number {
    return this.#phys[slot] ?? noEntry(slot);
  }

  permissionIn(slot: number): number {
    return this.#permissions[slot] ?? noEntry(slot);
  }

  remember(page: number, phys: number, permission: number): void {
    const slot = page & (SLOTS - 1);
    if (this.#pages[slot] === -1) this.#count++;
    this.#pages[slot] = page;
    this.#phys[slot] = phys;
    this.#permissions[slot] = permission;
  }

  /** Forgets the pages of a range of whole pages. */
  invalidate(address: number, sizeBytes: number): void {
    if (this.#count === 0) return;
    const first = Math.floor(address / PAGE_BYTES);
    const count = sizeBytes / PAGE_BYTES;
    for (let slot = 0; count >= SLOTS && slot < SLOTS; slot++) this.#forgetIfIn(slot, first, count);
    for (let page = first; count < SLOTS && page < first + count; page++) {
      this.#forgetIfIn(page & (SLOTS - 1), first, count);
    }
  }

  /** Forgets everything. */
  invalidateAll(): void {
    if (this.#count === 0) return;
    this.#pages.fill(-1);
    this.#count = 0;
  }

  #forgetIfIn(slot: number, first: number, count: number): void {
    const page = this.#pages[slot] ?? noEntry(slot);
    if (page < first || page >= first + count) return;
    this.#pages[slot] = -1;
    this.#count--;
  }
}
