/**
 * Peerlane as a library: read a machine, decide its pairs, find what helps, draw it. Nothing here needs Node.
 *
 * @packageDocumentation
 */
export {
  type PeerAddress,
  type PeerDifference,
  type PeerRoute,
  PeerRoutes,
  type PeerRouting,
  type Route,
  type RouteHop,
  type RouteOutcome,
  type RouteTarget,
} from "./fabric/index.ts";
export { ArchiveTree } from "./host/archive.ts";
export type { FileTree } from "./host/file-tree.ts";
export type { LspciReader } from "./host/lspci/index.ts";
export type { Cpu, HostBridge, Iommu, Kernel, Machine, Note } from "./host/machine.ts";
export type { Overrides } from "./host/override.ts";
export type { Scenario } from "./host/scenario/index.ts";
export * from "./library/index.ts";
export {
  type Advice,
  type AllowListEntry,
  type Change,
  type DecideOptions,
  type Device,
  type DeviceKind,
  type DeviceSelection,
  type Fix,
  type Gate,
  type HistoryEntry,
  KERNEL_RULES,
  type KernelRules,
  KINDS_OF_INTEREST,
  type MachineDifference,
  type MapType,
  type Pair,
  type ProvedFix,
  type ProviderCandidate,
  type ProviderSearch,
  type Reason,
  type RejectedIdea,
  type RulesChoice,
  type Verdict,
  type VerdictChange,
  VerdictTable,
  type WhatIf,
  type WhatIfRequest,
} from "./p2pdma/index.ts";
export type { Bdf } from "./pci/bdf.ts";
export { PeerlaneError } from "./pci/error.ts";
export type { PciFunction } from "./pci/function.ts";
export { isUnknown, type Known, type Unknown } from "./pci/known.ts";
export type { Topology } from "./pci/topology.ts";
export type {
  Block,
  DifferenceView,
  MeasuredPairView,
  MeasuredView,
  Rich,
  ScreenOptions,
  Span,
  TreeInput,
  WhatIfView,
} from "./report/index.ts";
