export { type Advice, advise, type Pair, type ProvedFix, type RejectedIdea } from "./advice/index.ts";
export { afterBoot } from "./boot-acs.ts";
export { type DeviceKind, deviceKind, isBridge, KINDS_OF_INTEREST } from "./device-kind.ts";
export { compareMachines, compareVerdicts, type MachineDifference, type VerdictChange } from "./difference/index.ts";
export { findProvider, type ProviderCandidate, type ProviderSearch } from "./find-provider.ts";
export { formatSize, isTranslating, machineGates, memoryBars } from "./gates.ts";
export { type HistoryEntry, verdictHistory } from "./history.ts";
export { expectedIommuGroups, isIsolated } from "./iommu-groups.ts";
export { type AllowListEntry, KERNEL_RULES, type KernelRules } from "./kernel-rules.ts";
export { chooseRules, type RulesChoice } from "./releases.ts";
export {
  type Device,
  type DeviceSelection,
  findDevice,
  findDevices,
  nameOf,
  resolveDevice,
  selectDevices,
} from "./select.ts";
export type { Fix, Gate, MapType, Reason, Verdict } from "./verdict.ts";
export { type DecideOptions, decide, decideAll, topologyOf, VerdictTable } from "./verdict-table.ts";
export { applyChanges, askWhatIf, type Change, type WhatIf, type WhatIfRequest } from "./what-if/index.ts";
