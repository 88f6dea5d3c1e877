import { PAGE_BYTES, type PhysRange } from "../pci/addresses.ts";
import { PageCounts } from "./page-counts.ts";
import type { PageKind } from "./page-kind.ts";
import type { Provider } from "./provider.ts";

/** Bytes of one struct page, on every 64-bit architecture that the rules know. */
export const STRUCT_PAGE_BYTES = 64;

/** What a pagemap is made of. */
export interface PagemapRequest {
  /** Page granular, at least one page. */
  readonly range: PhysRange;
  readonly kind: PageKind;
  /** Whose memory peer pages are; `null` for every other kind. */
  readonly provider: Provider | null;
  /**
   * Called with each run of pages that lost their last reference: they are their owner's again (`folio_free` of
   * `struct dev_pagemap_ops`, Linux 7.2; `page_free` in 6.12).
   */
  readonly release?: (range: PhysRange) => void;
}

/** The struct pages of one physical range (`struct dev_pagemap`; for RAM, a part of the memory map). */
export class Pagemap {
  readonly range: PhysRange;
  readonly kind: PageKind;
  readonly provider: Provider | null;
  readonly counts: PageCounts = new PageCounts();
  readonly release: ((range: PhysRange) => void) | undefined;
  /** True once the owner leaves: its pages take no new users (`percpu_ref_kill` of the pagemap). */
  isDying = false;

  constructor(request: PagemapRequest) {
    this.range = request.range;
    this.kind = request.kind;
    this.provider = request.provider;
    this.release = request.release;
  }

  /** Memory that the struct pages of the range take, in bytes. */
  get structPageBytes(): number {
    return (this.range.sizeBytes / PAGE_BYTES) * STRUCT_PAGE_BYTES;
  }
}
