export { explainText } from "./explain-text.ts";
export { explainJson, matrixJson, treeJson } from "./json.ts";
export { matrixText } from "./matrix-text.ts";
export { type MeasuredPairView, type MeasuredView, vmJson, vmText } from "./measured.ts";
export type { ScreenOptions } from "./style.ts";
export { type TreeInput, treeText } from "./tree-text.ts";
