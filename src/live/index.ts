export { type Host, readHost } from "./host.ts";
export { whatIsMissing } from "./pools/preflight.ts";
export { watchPools } from "./pools/watch-pools.ts";
