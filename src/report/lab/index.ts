/** Reports of the lab: screen, JSON with its schema, and the generated part of its page. */
export { type LabView, labBlocks } from "./blocks.ts";
export { labJson, replayJson } from "./json.ts";
export { labPage } from "./page.ts";
export { replayBlocks } from "./replay.ts";
