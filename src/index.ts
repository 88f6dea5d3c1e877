/**
 * Peerlane as a library, in four functions: read a machine, decide its pairs, explain one, find what makes it work. All
 * else is in the entries `peerlane/read`, `peerlane/decide`, `peerlane/show` and `peerlane/model`. Nothing here needs Node.
 *
 * @packageDocumentation
 */

export type { Advice } from "./advice/fix/advise.ts";
export type { RejectedIdea, Searched } from "./advice/fix/attempts.ts";
export type { ProvedFix } from "./advice/fix/prove.ts";
export type { Answer, Hint } from "./answers/answer.ts";
export type { Gate } from "./answers/gate.ts";
export type { Cpu, HostBridge, Iommu, Kernel, Machine, Note } from "./host/machine.ts";
export type { Device } from "./host/select.ts";
export {
  type Explanation,
  explain,
  fixes,
  type RulesOptions,
  type TableOptions,
  verdicts,
} from "./library/decide.ts";
export { readMachine } from "./library/read.ts";
export { formatBdf } from "./library/show.ts";
export type { Bdf } from "./pci/bdf.ts";
export { PeerlaneError } from "./pci/error.ts";
export type { PciFunction } from "./pci/function.ts";
export { isUnknown, type Known, type Unknown } from "./pci/known.ts";
export type { Topology } from "./pci/topology.ts";
export type { MapType, Reason, Verdict } from "./rules/verdict.ts";
export type { DecideOptions, VerdictTable } from "./rules/verdict-table.ts";
