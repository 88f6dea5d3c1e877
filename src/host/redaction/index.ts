export { keptParameters } from "./command-line.ts";
export { withoutIdentifiers } from "./config-space.ts";
export { isKernelName } from "./kernel-names.ts";
export { keptRelease } from "./kernel-release.ts";
export { leftOut } from "./left-out.ts";
export { sourceLabel } from "./names-of-source.ts";
export { redact } from "./redact.ts";
