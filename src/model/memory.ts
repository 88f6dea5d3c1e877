export {
  type AllocateOptions,
  allocateForClients,
  type ClientMemory,
  type DistanceBetween,
  nearestPool,
} from "../memory/allocate-for-clients.ts";
export { ByteStore } from "../memory/bytes.ts";
export { type EnableP2pOptions, enableP2p } from "../memory/enable-p2p.ts";
export { FreeRuns } from "../memory/free-runs.ts";
export { providerOf, providersOf } from "../memory/machine-bars.ts";
export {
  P2pPool,
  type P2pPoolOptions,
  type P2pPoolState,
  type RemovalMode,
} from "../memory/p2p-pool.ts";
export { PageAllocator } from "../memory/page-allocator.ts";
export type { PageKind, PageLookup } from "../memory/page-kind.ts";
export { PageMaps } from "../memory/page-maps.ts";
export { type AllocBounds, PagePool } from "../memory/page-pool.ts";
export { type Pagemap, type PagemapRequest, STRUCT_PAGE_BYTES } from "../memory/pagemap.ts";
export { PhysicalMap, type PhysicalMapOptions, type PhysRegion, physicalMapOf } from "../memory/physical-map.ts";
export type { PinnedPages } from "../memory/pinned-pages.ts";
export type { Provider } from "../memory/provider.ts";
export { systemMemory } from "../memory/system-memory.ts";
export type { UserErrno, UserFailure, UserResult } from "../memory/user-result.ts";
export { type MmapRequest, UserSpace } from "../memory/user-space.ts";
