/**
 * Operations that the designs of the mapping layer differ in, counted by the functions that carry them out, never by who
 * calls these. Plain numbers, so that hot loops only add.
 */
export interface CostCounters {
  /** Reads of a struct page's kind (its flags or its zone): `PageMaps.kindAt`. */
  pageTouches: number;
  /** Page → pagemap → provider look-ups: `PageMaps.providerAt`. */
  pagemapLookups: number;
  /** References of struct pages taken or dropped, one for each page. */
  pageReferences: number;
  /** Address → provider look-ups without a page, in the table of whoever hands the memory out. */
  ownerLookups: number;
  /** Walks over a whole list, each counted once: `ListWalk`. */
  listPasses: number;
  /** Segments visited in all of those walks. */
  segmentVisits: number;
  /** Calls of the IOMMU driver's map and unmap: `IommuDomain`. One for each run of physical memory, and for each range. */
  iommuMapCalls: number;
  iommuUnmapCalls: number;
  /** IOTLB flushes waited for. */
  iommuFlushes: number;
  /** Allocations and frees of IOVA ranges: `IovaAllocator`. */
  iovaAllocations: number;
  /** Lists, mappings of single ranges, IOVA states and side objects made on the way. */
  allocations: number;
  /** Bytes copied through bounce buffers: `BouncePool`. */
  bouncedBytes: number;
  /** Questions to the rules for a map type that were not answered from a cache. */
  mapTypeDecisions: number;
}

/** Counters at zero. */
export function noCost(): CostCounters {
  return {
    pageTouches: 0,
    pagemapLookups: 0,
    pageReferences: 0,
    ownerLookups: 0,
    listPasses: 0,
    segmentVisits: 0,
    iommuMapCalls: 0,
    iommuUnmapCalls: 0,
    iommuFlushes: 0,
    iovaAllocations: 0,
    allocations: 0,
    bouncedBytes: 0,
    mapTypeDecisions: 0,
  };
}
