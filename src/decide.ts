/**
 * The kernel's rules and the advice one by one: single verdicts, the provider that the kernel chooses, other releases,
 * changes and their differences, gates, IOMMU groups.
 *
 * @packageDocumentation
 */
export type { MachineDifference } from "./advice/difference/machines.ts";
export type { VerdictChange } from "./advice/difference/verdicts.ts";
export type {
  DeviceGroup,
  Nearest,
  NearestAnswer,
  NearestQuestion,
  NearestSearch,
  OpenCandidate,
  Reach,
} from "./advice/find-nearest.ts";
export type { ProviderSearch } from "./advice/find-provider.ts";
export type { Pair } from "./advice/fix/idea.ts";
export type { HistoryEntry } from "./advice/history.ts";
export type { Change } from "./advice/what-if/change.ts";
export type { WhatIf, WhatIfRequest } from "./advice/what-if/what-if.ts";
export type { Answers } from "./answers/answer.ts";
export type { DeviceSelection } from "./host/select.ts";
export {
  advise,
  answers,
  applyChanges,
  askWhatIf,
  buildTopology,
  chooseRules,
  compareMachines,
  compareVerdicts,
  type DeviceFlow,
  decide,
  decideAll,
  expectedIommuGroups,
  type FlowOptions,
  findDevice,
  findDevices,
  findNearest,
  findProvider,
  isIsolated,
  machineGates,
  selectDevices,
  sharesOf,
  topologyOf,
  verdictHistory,
} from "./library/decide.ts";
export { deviceKind, isBridge, isTranslating, memoryBars, nameOf, parseBdf } from "./library/show.ts";
export { type DeviceKind, KINDS_OF_INTEREST } from "./pci/device-kind.ts";
export type { FlowShare } from "./predict/flows.ts";
export type { HopLimit } from "./predict/hops.ts";
export type { LookUps } from "./predict/look-ups.ts";
export type { Loss } from "./predict/losses.ts";
export type { Ranged, Sureness } from "./predict/platform-limits.ts";
export type { Figure, Prediction } from "./predict/predict.ts";
export type { RulesChoice } from "./rules/kernels/choose-rules.ts";
export type { AllowListEntry, KernelRules } from "./rules/kernels/kernel-rules.ts";
export { KERNEL_RULES } from "./rules/kernels/mainline.ts";
export type { ProviderCandidate } from "./rules/nearest-provider.ts";
