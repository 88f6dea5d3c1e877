export { probeBlocks } from "./blocks.ts";
export { probeJson } from "./json.ts";
