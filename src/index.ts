/**
 * Peerlane as a library: read a machine, decide its pairs, find what helps, draw it. Nothing here needs Node.
 *
 * @packageDocumentation
 */

export type { MachineDifference } from "./advice/difference/machines.ts";
export type { VerdictChange } from "./advice/difference/verdicts.ts";
export type { ProviderCandidate, ProviderSearch } from "./advice/find-provider.ts";
export type { Advice } from "./advice/fix/advise.ts";
export type { Pair } from "./advice/fix/idea.ts";
export type { ProvedFix, RejectedIdea } from "./advice/fix/prove.ts";
export type { HistoryEntry } from "./advice/history.ts";
export type { Change } from "./advice/what-if/change.ts";
export type { WhatIf, WhatIfRequest } from "./advice/what-if/what-if.ts";
export type { Route, RouteHop, RouteOutcome, RouteTarget } from "./fabric/route.ts";
export { ArchiveTree } from "./host/archive.ts";
export type { FileTree } from "./host/file-tree.ts";
export type { LspciReader } from "./host/lspci/read-lspci.ts";
export type { Cpu, HostBridge, Iommu, Kernel, Machine, Note } from "./host/machine.ts";
export type { Overrides } from "./host/override.ts";
export type { Scenario } from "./host/scenario/scenario.ts";
export type { Device, DeviceSelection } from "./host/select.ts";
export * from "./library/decide.ts";
export * from "./library/read.ts";
export * from "./library/show.ts";
export type { Bdf } from "./pci/bdf.ts";
export { type DeviceKind, KINDS_OF_INTEREST } from "./pci/device-kind.ts";
export { PeerlaneError } from "./pci/error.ts";
export type { PciFunction } from "./pci/function.ts";
export { isUnknown, type Known, type Unknown } from "./pci/known.ts";
export type { Topology } from "./pci/topology.ts";
export type { DifferenceView } from "./report/difference.ts";
export type { Block, Rich, Span } from "./report/document.ts";
export type { MeasuredPairView, MeasuredView } from "./report/measured.ts";
export type { ScreenOptions } from "./report/style.ts";
export type { TreeInput } from "./report/tree-text.ts";
export type { WhatIfView } from "./report/what-if.ts";
export type { PeerAddress } from "./routes/peer-address.ts";
export type { PeerDifference } from "./routes/peer-difference.ts";
export { type PeerRoute, PeerRoutes, type PeerRouting } from "./routes/peer-routes.ts";
export { type AllowListEntry, KERNEL_RULES, type KernelRules } from "./rules/kernel-rules.ts";
export type { RulesChoice } from "./rules/releases.ts";
export type { Fix, Gate, MapType, Reason, Verdict } from "./rules/verdict.ts";
export { type DecideOptions, VerdictTable } from "./rules/verdict-table.ts";
