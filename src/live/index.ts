export { type Host, readHost } from "./host.ts";
export { choosePools, leftAlonePools } from "./pools/choose-pools.ts";
export { type PermittedPool, poolUse } from "./pools/pool-use.ts";
export { whatIsMissing } from "./pools/preflight.ts";
export { watchPools } from "./pools/watch-pools.ts";
