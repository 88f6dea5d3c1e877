export { benchBlocks } from "./blocks.ts";
export { benchJson } from "./json.ts";
export type { BenchView } from "./view.ts";
export { rateText } from "./words.ts";
