export {
  type DomainCounters,
  type DomainOptions,
  FAULT_NO_READ,
  FAULT_NO_WRITE,
  FAULT_NOT_PRESENT,
  type Invalidation,
  IommuDomain,
} from "./domain.ts";
export { groupsOf } from "./groups.ts";
export { IovaAllocator, type IovaSpace, type ReservedRange } from "./iova-allocator.ts";
export { PERMIT_READ, PERMIT_WRITE } from "./page-table.ts";
export { reservedRanges } from "./reserved.ts";
export type { FaultReason, IommuFault, Translation, Translator } from "./translation.ts";
export { FAULT_BLOCKED, FAULT_NO_DOMAIN, type IommuOptions, IommuUnits } from "./units.ts";
