/** Flows on a machine run in time, TLP by TLP; steps of workloads, and patterns between devices, as such flows. */
export type { Engine } from "../timed/engines.ts";
export type { Credits, IommuOptions, MemoryOptions, TimedOptions } from "../timed/options.ts";
export type {
  FlowResult,
  LinkUse,
  MemoryUse,
  Percentiles,
  RunOptions,
  SentTlp,
  TimedResult,
} from "../timed/run.ts";
export { PATTERNS, type Pattern } from "../timed/runs/pattern-names.ts";
export { type PatternOptions, runPattern } from "../timed/runs/patterns.ts";
export {
  type NamedRun,
  type RunObserver,
  type TimedWay,
  type TimeOptions,
  timeWorkload,
} from "../timed/runs/time-workload.ts";
export {
  type AskedFlow,
  type FlowMemory,
  type RanFlow,
  type RootLanes,
  runInTime,
  type TimedRun,
  type TimedRunOptions,
} from "../timed/runs/timed-run.ts";
export { type RecordedRun, TlpRecord, type TlpSlice } from "../timed/runs/tlp-record.ts";
export { type HostMemory, TimedFabric, type TimedFlow } from "../timed/timed-fabric.ts";
export type { Reach } from "../timed/translation.ts";
