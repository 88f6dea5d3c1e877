import type { NearestSearch } from "../advice/find-nearest.ts";
import type { ProviderSearch } from "../advice/find-provider.ts";
import type { Advice } from "../advice/fix/advise.ts";
import type { HistoryEntry } from "../advice/history.ts";
import type { Change } from "../advice/what-if/change.ts";
import * as matrixDotDrawing from "../drawing/matrix-dot.ts";
import * as matrixSvgDrawing from "../drawing/matrix-svg.ts";
import * as treeDotDrawing from "../drawing/tree-dot.ts";
import * as treeSvgDrawing from "../drawing/tree-svg.ts";
import * as machines from "../host/machine.ts";
import type { Device } from "../host/select.ts";
import * as select from "../host/select.ts";
import type { Bar } from "../pci/bar.ts";
import { type Bdf, formatBdf as formatAddress, parseBdf as parse } from "../pci/bdf.ts";
import type { DeviceKind } from "../pci/device-kind.ts";
import * as kinds from "../pci/device-kind.ts";
import type { PciFunction } from "../pci/function.ts";
import * as functions from "../pci/function.ts";
import * as sizes from "../pci/size.ts";
import * as changeTextReport from "../report/change-text.ts";
import type { DifferenceView } from "../report/difference.ts";
import * as differenceReport from "../report/difference.ts";
import type { Block } from "../report/document.ts";
import * as documentMarkdownReport from "../report/document-markdown.ts";
import * as documentTextReport from "../report/document-text.ts";
import * as explainTextReport from "../report/explain-text.ts";
import * as findReport from "../report/find.ts";
import * as fixReport from "../report/fix/blocks.ts";
import * as fixJsonReport from "../report/fix/json.ts";
import * as historyReport from "../report/history.ts";
import * as jsonReport from "../report/json.ts";
import type {
  DifferenceJson,
  DiffJson,
  ExplainJson,
  FindJson,
  FixJson,
  HistoryJson,
  MatrixJson,
  NearestJson,
  TreeJson,
  VmJson,
  WhatIfJson,
} from "../report/json-types.ts";
import * as machineReports from "../report/machine-report.ts";
import * as matrixCsvReport from "../report/matrix-csv.ts";
import * as matrixJsonReport from "../report/matrix-json.ts";
import * as matrixTextReport from "../report/matrix-text.ts";
import type { MeasuredView } from "../report/measured.ts";
import * as measuredReport from "../report/measured.ts";
import * as nearestReport from "../report/nearest.ts";
import * as nearestJsonReport from "../report/nearest-json.ts";
import * as screenMarkdownReport from "../report/screen-markdown.ts";
import type { ScreenOptions } from "../report/style.ts";
import type { TreeInput } from "../report/tree-text.ts";
import * as treeTextReport from "../report/tree-text.ts";
import type { AskedJson, WhatIfView } from "../report/what-if.ts";
import * as whatIfReport from "../report/what-if.ts";
import type { PeerRoutes } from "../routes/peer-routes.ts";
import type { VerdictTable } from "../rules/verdict-table.ts";
import { door, needed, optional } from "./arguments.ts";
import {
  address,
  blocks,
  change,
  changes,
  count,
  device,
  listOf,
  pciFunction,
  routes,
  screen,
  shaped,
  table,
  text,
} from "./kinds.ts";

const aTable = needed("table", table);
const aScreen = needed("options", screen);
const someRoutes = optional("routes", routes);
const aTree = needed("input", shaped("a TreeInput", ["table", "expectedGroups"], "write { table, expectedGroups }"));
const advice = needed(
  "advice",
  shaped("an Advice", ["machine", "pairs", "before", "fixes"], "advise and fixes return one"),
);
const search = needed(
  "search",
  shaped("a ProviderSearch", ["table", "clients", "candidates"], "findProvider returns one"),
);
const NEAREST = shaped("a NearestSearch", ["table", "answers", "virtual"], "findNearest returns one");
const someNearest = needed("search", NEAREST);
const nearestBefore = optional("before", NEAREST);
const entries = needed(
  "entries",
  listOf(
    "a list of HistoryEntries",
    shaped("a HistoryEntry", ["from", "to", "verdict"], ""),
    "verdictHistory returns one",
  ),
);
const measured = needed("measured", shaped("a MeasuredView", ["kernelRelease", "pairs"], "peerlane vm makes one"));
const DIFFERENCE = ["difference", "verdicts", "before", "after"];
const difference = needed(
  "view",
  shaped("a DifferenceView", DIFFERENCE, "write { difference, verdicts, before, after }"),
);
const VIEW = shaped("a WhatIfView", ["changes", "changedFunctions", ...DIFFERENCE], "whatIfView makes one");
const whatIf = optional("whatIf", VIEW);
const fn = needed("fn", pciFunction);
const [a, b] = [needed("a", device), needed("b", device)];

/** Prints an address: `0000:3f:00.1`. @function */
export const formatBdf: (bdf: Bdf) => string = door("formatBdf", formatAddress, [needed("bdf", address)]);

/** Parses `0000:3f:00.1` or `3f:00.1` (domain 0) strictly; `undefined` for any other text. */
export const parseBdf: (text: string) => Bdf | undefined = door("parseBdf", parse, [needed("text", text)]);

/** Prints bytes: `16 MiB`. */
export const formatSize: (bytes: number) => string = door("formatSize", sizes.formatSize, [needed("bytes", count)]);

/** The name that people use for a function: its class device, else its address. */
export const nameOf: (fn: PciFunction) => string = door("nameOf", select.nameOf, [fn]);

/** The kind of a function; `other` also where the class is hidden. */
export const deviceKind: (fn: PciFunction) => DeviceKind = door("deviceKind", kinds.deviceKind, [fn]);

/** True for functions with a bridge's header. */
export const isBridge: (fn: PciFunction) => boolean = door("isBridge", kinds.isBridge, [fn]);

/** Memory BARs of a function; `undefined` where the source hides them. */
export const memoryBars: (fn: PciFunction) => readonly Bar[] | undefined = door("memoryBars", functions.memoryBars, [
  fn,
]);

/** True for a mode in which the IOMMU translates. */
export const isTranslating: (mode: string) => boolean = door("isTranslating", machines.isTranslating, [
  needed("mode", text),
]);

/** A change in words. */
export const changeText: (change: Change) => string = door("changeText", changeTextReport.changeText, [
  needed("change", change),
]);

/** Blocks as text for a screen. */
export const documentText: (blocks: readonly Block[], options: ScreenOptions) => string = door(
  "documentText",
  documentTextReport.documentText,
  [needed("blocks", blocks), aScreen],
);

/** Blocks as Markdown, GitHub's kind. */
export const documentMarkdown: (blocks: readonly Block[]) => string = door(
  "documentMarkdown",
  documentMarkdownReport.documentMarkdown,
  [needed("blocks", blocks)],
);

/** The matrix as a screen. */
export const matrixText: (
  table: VerdictTable,
  options: ScreenOptions,
  whatIf?: WhatIfView,
  routes?: PeerRoutes,
) => string = door("matrixText", matrixTextReport.matrixText, [aTable, aScreen, whatIf, someRoutes]);

/** The matrix as blocks. */
export const matrixBlocks: (table: VerdictTable, whatIf?: WhatIfView, routes?: PeerRoutes) => readonly Block[] = door(
  "matrixBlocks",
  screenMarkdownReport.matrixBlocks,
  [aTable, whatIf, someRoutes],
);

/** `peerlane.matrix`. */
export const matrixJson: (input: TreeInput, routes: PeerRoutes) => MatrixJson = door(
  "matrixJson",
  matrixJsonReport.matrixJson,
  [aTree, needed("routes", routes)],
);

/** The pairs of a table as CSV (RFC 4180), for a spreadsheet. */
export const matrixCsv: (table: VerdictTable) => string = door("matrixCsv", matrixCsvReport.matrixCsv, [aTable]);

/** The matrix as an SVG, whose colours follow the reader's light or dark theme. */
export const matrixSvg: (table: VerdictTable, whatIf?: WhatIfView) => string = door(
  "matrixSvg",
  matrixSvgDrawing.matrixSvg,
  [aTable, whatIf],
);

/** The places of a matrix and what is between them, as a graph in DOT. */
export const matrixDot: (table: VerdictTable, whatIf?: WhatIfView) => string = door(
  "matrixDot",
  matrixDotDrawing.matrixDot,
  [aTable, whatIf],
);

/** The topology as an SVG, whose colours follow the reader's light or dark theme. */
export const treeSvg: (input: TreeInput, whatIf?: WhatIfView) => string = door("treeSvg", treeSvgDrawing.treeSvg, [
  aTree,
  whatIf,
]);

/** The topology as a graph in DOT. */
export const treeDot: (input: TreeInput, whatIf?: WhatIfView) => string = door("treeDot", treeDotDrawing.treeDot, [
  aTree,
  whatIf,
]);

/** The topology as a screen. */
export const treeText: (input: TreeInput, options: ScreenOptions, whatIf?: WhatIfView) => string = door(
  "treeText",
  treeTextReport.treeText,
  [aTree, aScreen, whatIf],
);

/** The topology as blocks. */
export const treeBlocks: (input: TreeInput, whatIf?: WhatIfView) => readonly Block[] = door(
  "treeBlocks",
  screenMarkdownReport.treeBlocks,
  [aTree, whatIf],
);

/** `peerlane.tree`. */
export const treeJson: (input: TreeInput) => TreeJson = door("treeJson", jsonReport.treeJson, [aTree]);

/** One pair as a screen, both ways. */
export const explainText: (
  table: VerdictTable,
  a: Device,
  b: Device,
  options: ScreenOptions,
  routes?: PeerRoutes,
) => string = door("explainText", explainTextReport.explainText, [aTable, a, b, aScreen, someRoutes]);

/** One pair as blocks, both ways. */
export const explainBlocks: (table: VerdictTable, a: Device, b: Device, routes?: PeerRoutes) => readonly Block[] = door(
  "explainBlocks",
  explainTextReport.explainBlocks,
  [aTable, a, b, someRoutes],
);

/** `peerlane.explain`. */
export const explainJson: (table: VerdictTable, a: Device, b: Device, routes: PeerRoutes) => ExplainJson = door(
  "explainJson",
  jsonReport.explainJson,
  [aTable, a, b, needed("routes", routes)],
);

/** A search for a provider as blocks. */
export const findBlocks: (search: ProviderSearch) => readonly Block[] = door("findBlocks", findReport.findBlocks, [
  search,
]);

/** `peerlane.find`. */
export const findJson: (search: ProviderSearch) => FindJson = door("findJson", findReport.findJson, [search]);

/** The nearest devices as blocks; with `before`, of the machine as it is, what a what-if changes is marked. */
export const nearestBlocks: (search: NearestSearch, before?: NearestSearch) => readonly Block[] = door(
  "nearestBlocks",
  nearestReport.nearestBlocks,
  [someNearest, nearestBefore],
);

/** The same as a screen. */
export const nearestText: (search: NearestSearch, options: ScreenOptions, before?: NearestSearch) => string = door(
  "nearestText",
  nearestReport.nearestText,
  [someNearest, aScreen, nearestBefore],
);

/** `peerlane.nearest`. */
export const nearestJson: (search: NearestSearch, before?: NearestSearch) => NearestJson = door(
  "nearestJson",
  nearestJsonReport.nearestJson,
  [someNearest, nearestBefore],
);

/** Advice as blocks. */
export const fixBlocks: (advice: Advice) => readonly Block[] = door("fixBlocks", fixReport.fixBlocks, [advice]);

/** `peerlane.fix`. */
export const fixJson: (advice: Advice) => FixJson = door("fixJson", fixJsonReport.fixJson, [advice]);

/** The history of a pair as blocks. */
export const historyBlocks: (table: VerdictTable, entries: readonly HistoryEntry[]) => readonly Block[] = door(
  "historyBlocks",
  historyReport.historyBlocks,
  [aTable, entries],
);

/** `peerlane.history`. */
export const historyJson: (table: VerdictTable, entries: readonly HistoryEntry[]) => HistoryJson = door(
  "historyJson",
  historyReport.historyJson,
  [aTable, entries],
);

/** All of a machine as Markdown. */
export const machineReport: (
  input: TreeInput,
  madeBy: string,
  routes?: PeerRoutes,
  changes?: readonly Change[],
  whatIf?: WhatIfView,
) => string = door("machineReport", machineReports.machineReport, [
  aTree,
  needed("madeBy", text),
  someRoutes,
  optional("changes", changes),
  whatIf,
]);

/** The kernel's own answers beside the rules, as blocks. */
export const vmBlocks: (table: VerdictTable, measured: MeasuredView) => readonly Block[] = door(
  "vmBlocks",
  measuredReport.vmBlocks,
  [aTable, measured],
);

/** The same as a screen. */
export const vmText: (table: VerdictTable, measured: MeasuredView, options: ScreenOptions) => string = door(
  "vmText",
  measuredReport.vmText,
  [aTable, measured, aScreen],
);

/** `peerlane.vm`. */
export const vmJson: (table: VerdictTable, measured: MeasuredView) => VmJson = door("vmJson", measuredReport.vmJson, [
  aTable,
  measured,
]);

/** How two tables and their machines differ, as blocks. */
export const differenceBlocks: (view: DifferenceView) => readonly Block[] = door(
  "differenceBlocks",
  differenceReport.differenceBlocks,
  [difference],
);

/** The same as the `whatIf` part of other documents. */
export const differenceJson: (view: DifferenceView) => DifferenceJson = door(
  "differenceJson",
  differenceReport.differenceJson,
  [difference],
);

/** `peerlane.diff`. */
export const diffJson: (before: VerdictTable, after: VerdictTable, view: DifferenceView) => DiffJson = door(
  "diffJson",
  differenceReport.diffJson,
  [needed("before", table), needed("after", table), difference],
);

/** What was asked, as blocks. */
export const askedBlocks: (changes: readonly Change[]) => readonly Block[] = door(
  "askedBlocks",
  whatIfReport.askedBlocks,
  [needed("changes", changes)],
);

/** What was asked, in JSON. */
export const askedJson: (changes: readonly Change[]) => AskedJson = door("askedJson", whatIfReport.askedJson, [
  needed("changes", changes),
]);

/** Compares the tables of a machine as it is and as it would be; `undefined` where nothing was asked. */
export const whatIfView: (
  changes: readonly Change[],
  before: VerdictTable,
  after: VerdictTable,
) => WhatIfView | undefined = door("whatIfView", whatIfReport.whatIfView, [
  needed("changes", changes),
  needed("before", table),
  needed("after", table),
]);

/** What a change would do, as blocks. */
export const whatIfBlocks: (view: WhatIfView) => readonly Block[] = door("whatIfBlocks", whatIfReport.whatIfBlocks, [
  needed("view", VIEW),
]);

/** What a change would do, in JSON. */
export const whatIfJson: (view: WhatIfView) => WhatIfJson = door("whatIfJson", whatIfReport.whatIfJson, [
  needed("view", VIEW),
]);
