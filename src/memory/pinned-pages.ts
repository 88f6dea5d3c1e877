import { PAGE_BYTES, type PhysRange } from "../pci/addresses.ts";
import { PeerlaneError } from "../pci/error.ts";
import type { PageMaps } from "./page-maps.ts";

/**
 * Pages that `getUserPages` holds, one reference each, in the order of the user's addresses. They stay what they are
 * until {@link unpin}, whatever becomes of the mapping.
 */
export class PinnedPages {
  /** Runs of pages; each lies in one pagemap. */
  readonly ranges: readonly PhysRange[];
  readonly #maps: PageMaps;
  #isPinned = true;

  constructor(maps: PageMaps, ranges: readonly PhysRange[]) {
    this.#maps = maps;
    this.ranges = ranges;
  }

  get count(): number {
    return this.ranges.reduce((sum, { sizeBytes }) => sum + sizeBytes / PAGE_BYTES, 0);
  }

  get isPinned(): boolean {
    return this.#isPinned;
  }

  /** Drops the references (`unpin_user_pages`); throws `bad-input` the second time. */
  unpin(): void {
    if (!this.#isPinned) throw new PeerlaneError("bad-input", "these pages are not pinned any more");
    this.#isPinned = false;
    for (const range of this.ranges) this.#maps.putPages(range);
  }
}
