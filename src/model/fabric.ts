/** The fabric: memory requests and completions routed by config space, with the bytes that they move. */
export type { FabricCounters } from "../fabric/counters.ts";
export { createFabric, type Fabric } from "../fabric/fabric.ts";
export type { FabricOptions, HardwareSettings, RootComplexPolicy } from "../fabric/options.ts";
export { DELIVERED, HIDDEN, outcomeName } from "../fabric/outcomes.ts";
export type { MemoryRequest, Route, RouteHop, RouteOutcome, RouteTarget } from "../fabric/route.ts";
export type { BarHandler } from "../fabric/storage.ts";
export { TLP_READ, TLP_RELAXED_ORDERING, TLP_TRANSLATED } from "../fabric/traffic.ts";
