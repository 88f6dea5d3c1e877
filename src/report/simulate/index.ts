export { simulationBlocks } from "./blocks.ts";
export { simulationJson } from "./json.ts";
export { type TraceEvent, traceFile } from "./trace-events.ts";
