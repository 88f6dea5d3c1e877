/** Whether I/O through peer memory works on this host, and whether the data is right. */
export { probe } from "./probe.ts";
export { type ForeignData, restoreRescue } from "./restore.ts";
export type { ProbeResult } from "./result.ts";
export { QUICK_SIZES } from "./trials.ts";
