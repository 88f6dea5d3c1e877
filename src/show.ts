/**
 * What the command line prints, as blocks that become text or Markdown, and as the JSON of its schemas; and the routes of
 * requests between devices, which some of it shows.
 *
 * @packageDocumentation
 */
export type { Route, RouteHop, RouteOutcome, RouteTarget } from "./fabric/route.ts";
export {
  askedBlocks,
  askedJson,
  changeText,
  differenceBlocks,
  differenceJson,
  diffJson,
  documentMarkdown,
  documentText,
  explainBlocks,
  explainJson,
  explainText,
  findBlocks,
  findJson,
  fixBlocks,
  fixJson,
  formatSize,
  historyBlocks,
  historyJson,
  machineReport,
  matrixBlocks,
  matrixCsv,
  matrixDot,
  matrixJson,
  matrixSvg,
  matrixText,
  nearestBlocks,
  nearestJson,
  nearestText,
  treeBlocks,
  treeDot,
  treeJson,
  treeSvg,
  treeText,
  vmBlocks,
  vmJson,
  vmText,
  whatIfBlocks,
  whatIfJson,
  whatIfView,
} from "./library/show.ts";
export type { DifferenceView } from "./report/difference.ts";
export type { Block, Rich, Span } from "./report/document.ts";
export type {
  DeviceJson,
  DifferenceJson,
  DiffJson,
  DirectionJson,
  ExplainedPairJson,
  ExplainJson,
  FindJson,
  FixJson,
  GateJson,
  GroupChangeJson,
  HistoryJson,
  LinkStateJson,
  MachineJson,
  MatrixJson,
  MatrixPairJson,
  MatrixReasonJson,
  NearestJson,
  NoteJson,
  PairJson,
  ProvedFixJson,
  RoutedPairJson,
  RouteJson,
  RouteWithHopsJson,
  TreeFunctionJson,
  TreeJson,
  VerdictChangeJson,
  VerdictSideJson,
  VmJson,
  WayJson,
  WayWithHopsJson,
  WhatIfJson,
} from "./report/json-types.ts";

export type { MeasuredPairView, MeasuredView } from "./report/measured.ts";
export type { ScreenOptions } from "./report/style.ts";
export type { TreeInput } from "./report/tree-text.ts";
export type { AskedJson, WhatIfView } from "./report/what-if.ts";
export type { PeerAddress } from "./routes/peer-address.ts";
export type { PeerDifference } from "./routes/peer-difference.ts";
export { type PeerRoute, PeerRoutes, type PeerRouting } from "./routes/peer-routes.ts";
