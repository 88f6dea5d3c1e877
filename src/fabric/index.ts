/** The fabric: memory requests and completions routed by config space, with the bytes that they move. */
export type { FabricCounters } from "./counters.ts";
export { createFabric, type Fabric } from "./fabric.ts";
export type { FabricOptions, RootComplexPolicy } from "./options.ts";
export { DELIVERED, HIDDEN, outcomeName } from "./outcomes.ts";
export type { PeerAddress } from "./peer-address.ts";
export type { PeerDifference } from "./peer-difference.ts";
export { type PeerRoute, PeerRoutes, type PeerRouting } from "./peer-routes.ts";
export type { MemoryRequest, Route, RouteHop, RouteOutcome, RouteTarget } from "./route.ts";
export type { BarHandler } from "./storage.ts";
export { TLP_READ, TLP_RELAXED_ORDERING, TLP_TRANSLATED } from "./traffic.ts";
