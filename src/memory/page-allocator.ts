/** Index of no node: the arrays' first place stays empty, with a size and maximum of 0. */
const NONE = 0;

/**
 * Free runs of pages of one range, first-fit by lowest address, in O(log n) of the number of free runs. A treap by
 * address in typed arrays, in which each node knows the largest run below it; neighbours are joined on `free`.
 *
 * First-fit is what the kernel's pools do (`gen_pool_first_fit`, Linux 7.2); its bitmap is searched in O(n).
 */
export class PageAllocator {
  readonly firstPage: number;
  readonly pageCount: number;
  #starts = new Float64Array(16);
  #sizes = new Float64Array(16);
  #largest = new Float64Array(16);
  #left = new Int32Array(16);
  #right = new Int32Array(16);
  #priorities = new Uint32Array(16);
  #root: number = NONE;
  #used = 1;
  /** Head of the list of nodes given back, chained through `#left`. */
  #spare: number = NONE;
  #freePages: number;
  /** State of the priorities: fixed, so that runs are the same each time. */
  #random = 0x9e3779b9;

  /** All pages of `[firstPage, firstPage + pageCount)` are free at first; there has to be one. */
  constructor(firstPage: number, pageCount: number) {
    if (!Number.isSafeInteger(firstPage + pageCount) || firstPage < 0 || pageCount < 1) {
      throw new RangeError(`${pageCount} pages from page ${firstPage} on are no range`);
    }
    this.firstPage = firstPage;
    this.pageCount = pageCount;
    this.#freePages = pageCount;
    this.#insert(firstPage, pageCount);
  }

  get freePages(): number {
    return this.#freePages;
  }

  /** Pages of the largest free run: the most that one {@link alloc} can give. */
  get largestRun(): number {
    return this.#largest[this.#root] ?? 0;
  }

  /** Takes the lowest run of `pages` at or above page `from`; -1 where none is long enough. */
  alloc(pages: number, from = 0): number {
    if (!Number.isSafeInteger(pages) || pages < 1) throw new RangeError(`${pages} is no number of pages to allocate`);
    const node = this.#firstFit(this.#root, pages, from);
    if (node === NONE) return -1;
    const start = this.#starts[node] ?? 0;
    const end = start + (this.#sizes[node] ?? 0);
    const taken = Math.max(start, from);
    this.#remove(start);
    if (taken > start) this.#insert(start, taken - start);
    if (taken + pages < end) this.#insert(taken + pages, end - taken - pages);
    this.#freePages -= pages;
    return taken;
  }

  /** Gives a run back; throws `RangeError`, and changes nothing, where a page of it is free or outside of the range. */
  free(page: number, pages: number): void {
    if (page < this.firstPage || pages < 1 || page + pages > this.firstPage + this.pageCount) {
      throw new RangeError(`pages ${page} to ${page + pages} are not in this range`);
    }
    const before = this.#lastStartingBelow(page + pages);
    const beforeStart = this.#starts[before] ?? 0;
    const beforeEnd = before === NONE ? -1 : beforeStart + (this.#sizes[before] ?? 0);
    if (beforeEnd > page) throw new RangeError(`a page of ${page} to ${page + pages} is free already`);
    const after = this.#startingAt(page + pages);
    let start = page;
    let end = page + pages;
    if (after !== NONE) {
      end += this.#sizes[after] ?? 0;
      this.#remove(page + pages);
    }
    if (beforeEnd === page) {
      start = beforeStart;
      this.#remove(beforeStart);
    }
    this.#insert(start, end - start);
    this.#freePages += pages;
  }

  /** The free runs in ascending order, for tests and people. */
  freeRuns(): readonly { readonly page: number; readonly pages: number }[] {
    const runs: { page: number; pages: number }[] = [];
    const visit = (node: number): void => {
      if (node === NONE) return;
      visit(this.#left[node] ?? NONE);
      runs.push({ page: this.#starts[node] ?? 0, pages: this.#sizes[node] ?? 0 });
      visit(this.#right[node] ?? NONE);
    };
    visit(this.#root);
    return runs;
  }

  /** The lowest run below `node` that holds `pages` pages from `from` on. */
  #firstFit(node: number, pages: number, from: number): number {
    if ((this.#largest[node] ?? 0) < pages) return NONE;
    const start = this.#starts[node] ?? 0;
    const end = start + (this.#sizes[node] ?? 0);
    // What lies left of a run that starts below `from` ends below it too.
    const lower = start > from ? this.#firstFit(this.#left[node] ?? NONE, pages, from) : NONE;
    if (lower !== NONE) return lower;
    if (end - Math.max(start, from) >= pages) return node;
    return this.#firstFit(this.#right[node] ?? NONE, pages, from);
  }

  #lastStartingBelow(page: number): number {
    let found: number = NONE;
    for (let node = this.#root; node !== NONE; ) {
      if ((this.#starts[node] ?? 0) < page) {
        found = node;
        node = this.#right[node] ?? NONE;
      } else node = this.#left[node] ?? NONE;
    }
    return found;
  }

  #startingAt(page: number): number {
    let node = this.#root;
    while (node !== NONE && this.#starts[node] !== page) {
      node = ((this.#starts[node] ?? 0) < page ? this.#right[node] : this.#left[node]) ?? NONE;
    }
    return node;
  }

  #insert(start: number, size: number): void {
    const node = this.#makeNode(start, size);
    this.#root = this.#insertBelow(this.#root, node);
  }

  #insertBelow(node: number, added: number): number {
    if (node === NONE) return added;
    if ((this.#priorities[added] ?? 0) > (this.#priorities[node] ?? 0)) {
      this.#split(node, this.#starts[added] ?? 0, added);
      return this.#measure(added);
    }
    if ((this.#starts[added] ?? 0) < (this.#starts[node] ?? 0)) {
      this.#left[node] = this.#insertBelow(this.#left[node] ?? NONE, added);
    } else {
      this.#right[node] = this.#insertBelow(this.#right[node] ?? NONE, added);
    }
    return this.#measure(node);
  }

  /** Hangs what lies below `start` on the left of `parent`, the rest on its right. */
  #split(node: number, start: number, parent: number): void {
    if (node === NONE) {
      this.#left[parent] = NONE;
      this.#right[parent] = NONE;
      return;
    }
    if ((this.#starts[node] ?? 0) < start) {
      this.#split(this.#right[node] ?? NONE, start, parent);
      this.#right[node] = this.#left[parent] ?? NONE;
      this.#left[parent] = this.#measure(node);
    } else {
      this.#split(this.#left[node] ?? NONE, start, parent);
      this.#left[node] = this.#right[parent] ?? NONE;
      this.#right[parent] = this.#measure(node);
    }
  }

  #remove(start: number): void {
    this.#root = this.#removeBelow(this.#root, start);
  }

  #removeBelow(node: number, start: number): number {
    if (node === NONE) return NONE;
    const own = this.#starts[node] ?? 0;
    if (own === start) {
      const rest = this.#join(this.#left[node] ?? NONE, this.#right[node] ?? NONE);
      this.#left[node] = this.#spare;
      this.#spare = node;
      return rest;
    }
    if (start < own) this.#left[node] = this.#removeBelow(this.#left[node] ?? NONE, start);
    else this.#right[node] = this.#removeBelow(this.#right[node] ?? NONE, start);
    return this.#measure(node);
  }

  #join(lower: number, upper: number): number {
    if (lower === NONE) return upper;
    if (upper === NONE) return lower;
    if ((this.#priorities[lower] ?? 0) > (this.#priorities[upper] ?? 0)) {
      this.#right[lower] = this.#join(this.#right[lower] ?? NONE, upper);
      return this.#measure(lower);
    }
    this.#left[upper] = this.#join(lower, this.#left[upper] ?? NONE);
    return this.#measure(upper);
  }

  #measure(node: number): number {
    const below = Math.max(this.#largest[this.#left[node] ?? NONE] ?? 0, this.#largest[this.#right[node] ?? NONE] ?? 0);
    this.#largest[node] = Math.max(this.#sizes[node] ?? 0, below);
    return node;
  }

  #makeNode(start: number, size: number): number {
    let node = this.#spare;
    if (node !== NONE) this.#spare = this.#left[node] ?? NONE;
    else {
      node = this.#used++;
      if (node === this.#starts.length) this.#grow();
    }
    this.#starts[node] = start;
    this.#sizes[node] = size;
    this.#largest[node] = size;
    this.#left[node] = NONE;
    this.#right[node] = NONE;
    this.#priorities[node] = this.#nextPriority();
    return node;
  }

  /** Xorshift (Marsaglia 2003): even enough to keep the tree flat. */
  #nextPriority(): number {
    this.#random ^= this.#random << 13;
    this.#random ^= this.#random >>> 17;
    this.#random ^= this.#random << 5;
    return this.#random >>> 0;
  }

  #grow(): void {
    const length = this.#starts.length * 2;
    this.#starts = copied(new Float64Array(length), this.#starts);
    this.#sizes = copied(new Float64Array(length), this.#sizes);
    this.#largest = copied(new Float64Array(length), this.#largest);
    this.#left = copied(new Int32Array(length), this.#left);
    this.#right = copied(new Int32Array(length), this.#right);
    this.#priorities = copied(new Uint32Array(length), this.#priorities);
  }
}

function copied<T extends Float64Array | Int32Array | Uint32Array>(into: T, from: T): T {
  into.set(from);
  return into;
}
