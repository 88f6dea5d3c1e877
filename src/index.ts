/**
 * Peerlane as a library: read a machine, decide its pairs, find what helps, draw it. Nothing here needs Node.
 *
 * @packageDocumentation
 */
export { type Device, type Explanation, explain, fixes, type RulesOptions, readMachine, verdicts } from "./api.ts";
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
export { decompress } from "./host/compression.ts";
export type { FileTree } from "./host/file-tree.ts";
export { createLspciReader, readLspci } from "./host/lspci/index.ts";
export type { Cpu, HostBridge, Iommu, Kernel, Machine, Note } from "./host/machine.ts";
export { type Overrides, withOverrides } from "./host/override.ts";
export { redact } from "./host/redaction/index.ts";
export { parseScenario, type Scenario, scenarioMachine } from "./host/scenario/index.ts";
export { readSnapshot, writeSnapshot } from "./host/snapshot/index.ts";
export { readSysfs } from "./host/sysfs.ts";
export * from "./p2pdma/index.ts";
export { type Bdf, formatBdf, parseBdf } from "./pci/bdf.ts";
export { PeerlaneError } from "./pci/error.ts";
export type { PciFunction } from "./pci/function.ts";
export { isUnknown, type Known, type Unknown } from "./pci/known.ts";
export { buildTopology, type Topology } from "./pci/topology.ts";
export * from "./report/index.ts";
