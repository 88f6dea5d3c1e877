import { formatAddress, PAGE_BYTES, type PhysAddr, type PhysRange } from "../pci/addresses.ts";
import { PeerlaneError } from "../pci/error.ts";
import { type CostCounters, noCost } from "./cost.ts";
import type { PageKind, PageLookup } from "./page-kind.ts";
import { Pagemap, type PagemapRequest } from "./pagemap.ts";
import type { Provider } from "./provider.ts";
import { RangeTable } from "./range-table.ts";

/**
 * All struct pages of a machine: address → page → pagemap → provider, and each page's references. A range without a
 * pagemap (a hole, or the page-less memory of an exporter) has no pages, costs nothing and is looked up as `null`.
 *
 * A page without references is its owner's. The owner hands it out with one reference; users add and drop more; the last
 * one to drop gives it back through the pagemap's `release`.
 */
export class PageMaps implements PageLookup {
  readonly cost: CostCounters;
  readonly #table = new RangeTable<Pagemap>();
  /** Memory without pages that a driver has handed out. */
  readonly #held = new RangeTable<null>();

  /** Counts to `cost`, where it is given. */
  constructor(cost: CostCounters = noCost()) {
    this.cost = cost;
  }

  /** Makes the struct pages of a range; throws `bad-input` where the range has some, is handed out, or the request is no pagemap. */
  add(request: PagemapRequest): Pagemap {
    const { range, kind, provider } = request;
    requireWholePages(range);
    if ((kind === "peer") !== (provider !== null)) refuse("peer pages, and only those, have a provider", range);
    const pagemap = new Pagemap(request);
    if (this.#held.overlapping(range.start, range.sizeBytes) !== undefined) {
      refuse("a driver has handed out a part of the range", range);
    }
    if (!this.#table.add(range.start, range.sizeBytes, pagemap)) {
      refuse("a part of the range has pages already", range);
    }
    return pagemap;
  }

  /** Takes the struct pages away; throws `operation-failed` while a page has references. */
  remove(pagemap: Pagemap): void {
    if (pagemap.counts.inUse > 0) {
      throw new PeerlaneError(
        "operation-failed",
        `${pagemap.counts.inUse} pages are in use: they would be left alone`,
        {
          facts: rangeFacts(pagemap.range),
          remedy: "wait until their users drop them",
        },
      );
    }
    if (this.#table.valueAt(pagemap.range.start) !== pagemap) refuse("this pagemap is not among them", pagemap.range);
    this.#table.remove(pagemap.range.start);
  }

  /**
   * A driver hands out memory that has no pages: until {@link letGo}, nobody makes pages of it, and no other driver hands
   * it out. False, and nothing is held, where {@link takenUntil} finds something.
   */
  hold({ start, sizeBytes }: PhysRange): boolean {
    return this.#table.overlapping(start, sizeBytes) === undefined && this.#held.add(start, sizeBytes, null);
  }

  /** Undoes {@link hold}; throws `bad-input` for a range that is not held. */
  letGo(range: PhysRange): void {
    const held = this.#held.overlapping(range.start, range.sizeBytes);
    if (held?.start !== range.start || held.sizeBytes !== range.sizeBytes) refuse("the range is not handed out", range);
    this.#held.remove(range.start);
  }

  /** The end of what is in the way of holding a range: pages, or what is held; `null` where nothing is. */
  takenUntil({ start, sizeBytes }: PhysRange): number | null {
    const taken = this.#table.overlapping(start, sizeBytes) ?? this.#held.overlapping(start, sizeBytes);
    return taken === undefined ? null : taken.start + taken.sizeBytes;
  }

  /** The pagemap of the page at an address, `null` where there is no page. */
  pagemapAt(phys: PhysAddr): Pagemap | null {
    return this.#table.valueAt(phys) ?? null;
  }

  kindAt(phys: PhysAddr): PageKind | null {
    this.cost.pageTouches++;
    return this.#table.valueAt(phys)?.kind ?? null;
  }

  providerAt(phys: PhysAddr): Provider | null {
    this.cost.pagemapLookups++;
    return this.#table.valueAt(phys)?.provider ?? null;
  }

  /** Pagemaps that touch are one memory where kind and provider are the same. */
  isOneMemory(start: PhysAddr, sizeBytes: number): boolean {
    let index = this.#table.indexAt(start);
    if (index < 0) return false;
    const { kind, provider } = this.#table.at(index);
    for (let end = this.#table.endOf(index); end < start + sizeBytes; end = this.#table.endOf(index)) {
      index = this.#table.indexAt(end);
      if (index < 0) return false;
      const next = this.#table.at(index);
      if (next.kind !== kind || next.provider !== provider) return false;
    }
    return true;
  }

  /** All pagemaps in ascending order. */
  list(): readonly Pagemap[] {
    return this.#table.entries().map(({ value }) => value);
  }

  /** Memory that all struct pages take, in bytes. */
  get structPageBytes(): number {
    return this.list().reduce((sum, pagemap) => sum + pagemap.structPageBytes, 0);
  }

  /** References of the page at an address; 0 where there is no page. */
  referencesAt(phys: PhysAddr): number {
    const pagemap = this.#table.valueAt(phys);
    return pagemap === undefined ? 0 : pagemap.counts.at(pageIndex(pagemap, phys));
  }

  /** The owner hands pages out, each with its first reference; throws `bad-input` where a page is in use. */
  handOut(range: PhysRange): void {
    const pagemap = this.#wholeIn(range);
    this.#requireAll(pagemap, range, (references) => references === 0, "a page to hand out is in use");
    this.#addReference(pagemap, range);
  }

  /**
   * A user adds a reference to pages that it already holds (`get_page`); throws `bad-input` where a page has none: it is
   * its owner's, who may give it to somebody else.
   */
  getPages(range: PhysRange): void {
    const pagemap = this.#wholeIn(range);
    this.#requireAll(pagemap, range, (references) => references > 0, "a page without references has no users");
    this.#addReference(pagemap, range);
  }

  /**
   * A new user takes a reference to pages that it found in a page table (`try_grab_folio`): false, and nothing is taken,
   * where a page is missing or free, or its owner leaves.
   */
  tryGetPages(range: PhysRange): boolean {
    const pagemap = this.#table.valueAt(range.start);
    if (pagemap === undefined || pagemap.isDying || !holds(pagemap, range)) return false;
    const first = pageIndex(pagemap, range.start);
    const end = pageEnd(pagemap, range);
    for (let page = first; page < end; page++) if (pagemap.counts.at(page) === 0) return false;
    this.#addReference(pagemap, range);
    return true;
  }

  /** Drops one reference of each page; those that were the last give the page back to its owner. */
  putPages(range: PhysRange): void {
    const pagemap = this.#wholeIn(range);
    this.#requireAll(pagemap, range, (references) => references > 0, "a page to put has no references");
    const end = pageEnd(pagemap, range);
    let runStart = -1;
    for (let page = pageIndex(pagemap, range.start); page < end; page++) {
      this.cost.pageReferences++;
      const isLast = pagemap.counts.add(page, -1) === 0;
      if (isLast && runStart < 0) runStart = page;
      if (!isLast && runStart >= 0) {
        releaseRun(pagemap, runStart, page);
        runStart = -1;
      }
    }
    if (runStart >= 0) releaseRun(pagemap, runStart, end);
  }

  /** {@link getPages} for the page at one address. */
  getPage(phys: PhysAddr): void {
    this.getPages(pageAt(phys));
  }

  /** {@link putPages} for the page at one address. */
  putPage(phys: PhysAddr): void {
    this.putPages(pageAt(phys));
  }

  #addReference(pagemap: Pagemap, range: PhysRange): void {
    const end = pageEnd(pagemap, range);
    for (let page = pageIndex(pagemap, range.start); page < end; page++) {
      this.cost.pageReferences++;
      pagemap.counts.add(page, 1);
    }
  }

  #wholeIn(range: PhysRange): Pagemap {
    const pagemap = this.#table.valueAt(range.start);
    if (pagemap === undefined) refuse("no page is there", range);
    if (!holds(pagemap, range)) refuse("the range leaves its pagemap", range);
    return pagemap;
  }

  #requireAll(pagemap: Pagemap, range: PhysRange, allows: (references: number) => boolean, otherwise: string): void {
    const end = pageEnd(pagemap, range);
    for (let page = pageIndex(pagemap, range.start); page < end; page++) {
      if (!allows(pagemap.counts.at(page))) refuse(otherwise, rangeOfPages(pagemap, page, page + 1));
    }
  }
}

function pageAt(phys: PhysAddr): PhysRange {
  return { start: (phys - (phys % PAGE_BYTES)) as PhysAddr, sizeBytes: PAGE_BYTES };
}

function pageIndex(pagemap: Pagemap, phys: PhysAddr): number {
  return Math.floor((phys - pagemap.range.start) / PAGE_BYTES);
}

function pageEnd(pagemap: Pagemap, range: PhysRange): number {
  return Math.ceil((range.start + range.sizeBytes - pagemap.range.start) / PAGE_BYTES);
}

function holds(pagemap: Pagemap, range: PhysRange): boolean {
  return range.sizeBytes > 0 && range.start + range.sizeBytes <= pagemap.range.start + pagemap.range.sizeBytes;
}

function rangeOfPages(pagemap: Pagemap, first: number, end: number): PhysRange {
  return {
    start: (pagemap.range.start + first * PAGE_BYTES) as PhysAddr,
    sizeBytes: (end - first) * PAGE_BYTES,
  };
}

function releaseRun(pagemap: Pagemap, first: number, end: number): void {
  pagemap.release?.(rangeOfPages(pagemap, first, end));
}

/** Throws `bad-input` unless a range is whole pages, at least one, as those of a pagemap. */
export function requireWholePages(range: PhysRange): void {
  const { start, sizeBytes } = range;
  const isPageGranular = sizeBytes > 0 && start % PAGE_BYTES === 0 && sizeBytes % PAGE_BYTES === 0;
  if (!isPageGranular) refuse("a pagemap covers whole pages", range);
}

function rangeFacts(range: PhysRange): Readonly<Record<string, string>> {
  return { start: formatAddress(range.start), size: formatAddress(range.sizeBytes) };
}

function refuse(what: string, range: PhysRange): never {
  throw new PeerlaneError("bad-input", `${what}: ${range.sizeBytes} bytes at ${formatAddress(range.start)}`, {
    facts: rangeFacts(range),
  });
}
