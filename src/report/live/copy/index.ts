export { copyBlocks, copyPlanBlocks } from "./blocks.ts";
export { copyJson, copyPlanJson, copySchema } from "./json.ts";
export type { CopyPlanView, CopyResultView } from "./view.ts";
