/** Workload files: transfers to be run on the model of a machine. */
export { parseWorkload } from "./parse-workload.ts";
export { type RunOptions, runWorkload } from "./run-workload.ts";
export { workloadJsonSchema } from "./schema.ts";
export type * from "./simulation.ts";
export type { Trace, TracedRequests } from "./trace.ts";
export type * from "./workload.ts";
