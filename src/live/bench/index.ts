export { fioJobFile } from "./fio-job.ts";
export type { JobRequest } from "./job.ts";
export type { BenchProgress } from "./measure.ts";
export { type BenchPlan, planBench } from "./plan.ts";
export { runBench } from "./run.ts";
export { destroyedText, requireWritePermission } from "./write-permission.ts";
