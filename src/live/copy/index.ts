export { type CopyPlan, planCopy } from "./plan.ts";
export { type CopyRequest, DEFAULT_CHUNK, DEFAULT_DEPTH, DEFAULT_SYNC_EVERY, MAX_CHUNK } from "./request.ts";
export type { CopyResult } from "./result.ts";
export { runCopy } from "./run.ts";
