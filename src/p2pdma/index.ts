export { afterBoot } from "./boot-acs.ts";
export { type DeviceKind, deviceKind, isBridge, KINDS_OF_INTEREST } from "./device-kind.ts";
export { formatSize, isTranslating, machineGates, memoryBars } from "./gates.ts";
export { expectedIommuGroups, isIsolated } from "./iommu-groups.ts";
export { type AllowListEntry, KERNEL_RULES, type KernelRules } from "./kernel-rules.ts";
export type { RulesChoice } from "./releases.ts";
export { type DeviceSelection, findDevice, findDevices, nameOf, selectDevices } from "./select.ts";
export type { Fix, Gate, MapType, Reason, Verdict } from "./verdict.ts";
export { type DecideOptions, decide, decideAll, topologyOf, VerdictTable } from "./verdict-table.ts";
