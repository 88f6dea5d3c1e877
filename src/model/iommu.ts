export {
  type DomainCounters,
  type DomainOptions,
  FAULT_NO_READ,
  FAULT_NO_WRITE,
  FAULT_NOT_PRESENT,
  type Invalidation,
  IommuDomain,
} from "../iommu/domain.ts";
export { groupsOf } from "../iommu/groups.ts";
export { IovaAllocator, type IovaSpace, type ReservedRange } from "../iommu/iova-allocator.ts";
export { PERMIT_READ, PERMIT_WRITE } from "../iommu/page-table.ts";
export { reservedRanges } from "../iommu/reserved.ts";
export type { FaultReason, IommuFault, Translation, Translator } from "../iommu/translation.ts";
export { FAULT_BLOCKED, FAULT_NO_DOMAIN, type IommuOptions, IommuUnits } from "../iommu/units.ts";
