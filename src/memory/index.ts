export {
  type AllocateOptions,
  allocateForClients,
  type ClientMemory,
  type DistanceBetween,
  nearestPool,
} from "./allocate-for-clients.ts";
export { ByteStore } from "./bytes.ts";
export { type EnableP2pOptions, enableP2p } from "./enable-p2p.ts";
export { FreeRuns } from "./free-runs.ts";
export { providerOf, providersOf } from "./machine-bars.ts";
export {
  P2pPool,
  type P2pPoolOptions,
  type P2pPoolState,
  type PoolEntry,
  type RemovalMode,
} from "./p2p-pool.ts";
export { PageAllocator } from "./page-allocator.ts";
export type { PageKind, PageLookup } from "./page-kind.ts";
export { PageMaps } from "./page-maps.ts";
export { type AllocBounds, PagePool } from "./page-pool.ts";
export { type Pagemap, type PagemapRequest, STRUCT_PAGE_BYTES } from "./pagemap.ts";
export { PhysicalMap, type PhysicalMapOptions, type PhysRegion, physicalMapOf } from "./physical-map.ts";
export type { PinnedPages } from "./pinned-pages.ts";
export type { Provider } from "./provider.ts";
export { systemMemory } from "./system-memory.ts";
export type { UserErrno, UserFailure, UserResult } from "./user-result.ts";
export { type MmapRequest, UserSpace } from "./user-space.ts";
