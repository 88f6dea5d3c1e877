export { applyChanges } from "./apply.ts";
export type { Change } from "./change.ts";
export { askWhatIf, type WhatIf, type WhatIfRequest } from "./what-if.ts";
