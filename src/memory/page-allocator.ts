import { FreeRuns } from "./free-runs.ts";

/**
 * Free runs of pages of one range, first-fit by lowest address, in O(log n) of the number of free runs.
 *
 * First-fit is what the kernel's pools do (`gen_pool_first_fit`, Linux 7.2); its bitmap is searched in O(n).
 */
export class PageAllocator {
  readonly firstPage: number;
  readonly pageCount: number;
  readonly #runs: FreeRuns = new FreeRuns();
  #freePages: number;

  /** All pages of `[firstPage, firstPage + pageCount)` are free at first; there has to be one. */
  constructor(firstPage: number, pageCount: number) {
    if (!Number.isSafeInteger(firstPage + pageCount) || firstPage < 0 || pageCount < 1) {
      throw new RangeError(`${pageCount} pages from page ${firstPage} on are no range`);
    }
    this.firstPage = firstPage;
    this.pageCount = pageCount;
    this.#freePages = pageCount;
    this.#runs.give(firstPage, firstPage + pageCount);
  }

  get freePages(): number {
    return this.#freePages;
  }

  /** Pages of the largest free run: the most that one {@link alloc} can give. */
  get largestRun(): number {
    return this.#runs.longest;
  }

  /** Takes the lowest run of `pages` at or above page `from`; -1 where none is long enough. */
  alloc(pages: number, from = 0): number {
    if (!Number.isSafeInteger(pages) || pages < 1) throw new RangeError(`${pages} is no number of pages to allocate`);
    const taken = this.#runs.takeLowest(pages, from);
    if (taken >= 0) this.#freePages -= pages;
    return taken;
  }

  /** Gives a run back; throws `RangeError`, and changes nothing, where a page of it is free or outside of the range. */
  free(page: number, pages: number): void {
    if (page < this.firstPage || pages < 1 || page + pages > this.firstPage + this.pageCount) {
      throw new RangeError(`pages ${page} to ${page + pages} are not in this range`);
    }
    if (!this.#runs.give(page, page + pages)) {
      throw new RangeError(`a page of ${page} to ${page + pages} is free already`);
    }
    this.#freePages += pages;
  }

  /** The free runs in ascending order, for tests and people. */
  freeRuns(): readonly { readonly page: number; readonly pages: number }[] {
    return this.#runs.runs().map(({ start, end }) => ({ page: start, pages: end - start }));
  }
}
