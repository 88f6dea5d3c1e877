/** Operations that the designs of the mapping layer differ in, counted. Plain numbers, so that hot loops only add. */
export interface CostCounters {
  /** Reads of a struct page (its flags or its zone). */
  pageTouches: number;
  /** Page → pagemap → provider look-ups. */
  pagemapLookups: number;
  /** Walks over a whole list, each counted once. */
  listPasses: number;
  /** Segments visited in all of those walks. */
  segmentVisits: number;
  /** Calls of the IOMMU driver's map and unmap. */
  iommuMapCalls: number;
  iommuUnmapCalls: number;
  /** IOTLB flushes waited for. */
  iommuFlushes: number;
  /** Allocations and frees of IOVA ranges. */
  iovaAllocations: number;
  /** Objects and lists allocated on the way (split lists, side objects). */
  allocations: number;
  /** Bytes copied through bounce buffers. */
  bouncedBytes: number;
  /** Questions to the rules for a map type that were not answered from a cache. */
  mapTypeDecisions: number;
}

/** Counters at zero. */
export function noCost(): CostCounters {
  return {
    pageTouches: 0,
    pagemapLookups: 0,
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
