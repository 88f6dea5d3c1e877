import { Answers } from "../answers/answer.ts";
import type { PeerRoutes } from "../routes/peer-routes.ts";
import type { VerdictTable } from "../rules/verdict-table.ts";
import { toldMapType } from "../summary/going-up.ts";
import { islandsOf } from "../summary/islands.ts";
import { askedRemarks } from "./asked-by.ts";
import { fullName, roleOf } from "./device-names.ts";
import { type Block, code, heading, list, paragraph, type Rich, table } from "./document.ts";
import { machineLines, p2pmemText } from "./facts.ts";
import { islandTexts } from "./island-lines.ts";
import { leftOutTexts } from "./left-out.ts";
import { differenceRemarks } from "./matrix-differences.ts";
import { changedPairs, gridLines } from "./matrix-grid.ts";
import { gateRemarks, hardwareRemarks, type Remark, reasonRemarks, STOPS_ABOVE } from "./matrix-reasons.ts";
import { listDevices, matrixLines, wayToKnowOf } from "./matrix-text.ts";
import { withCode } from "./parameters.ts";
import { MAP_TYPE_WORDS, TOLD_WORDS } from "./reasons.ts";
import { plainText, rich } from "./rich.ts";
import { type TreeDetail, type TreeInput, treeLines } from "./tree-text.ts";
import type { WhatIfView } from "./what-if.ts";
import { PAGE_COLUMNS } from "./width.ts";

/** A table of more clients is wider than a page; it is given as text. */
const MAX_COLUMNS = 12;
const UNBOUND = Number.MAX_SAFE_INTEGER;

/** The matrix for Markdown: the answer, who stands together, the table of pairs, as text where it is wider than a page, the devices. */
export function matrixBlocks(decided: VerdictTable, whatIf?: WhatIfView, routes?: PeerRoutes): readonly Block[] {
  const title = machineLines(decided.machine, decided.rules, UNBOUND).map((text) => heading(text));
  const devices = listDevices(decided);
  if (devices.length === 0)
    return [...title, code("", matrixLines(decided, PAGE_COLUMNS, whatIf, routes).map(plainText))];
  const islands = islandsOf(decided);
  const { answer, more } = matrixRemarks(decided, routes);
  const memories = devices.map(p2pmemText);
  const hasMemory = memories.some((text) => text !== "");
  const kinds = devices.map((fn, index): Rich[] => [
    fullName(decided.topology, fn.bdf),
    roleOf(fn),
    ...(hasMemory ? [memories[index] ?? ""] : []),
  ]);
  return [
    ...title,
    ...answer,
    list(islandTexts(decided, islands)),
    ...(decided.clients.length > MAX_COLUMNS
      ? [code("", gridLines(decided, islands, PAGE_COLUMNS, whatIf).map(plainText))]
      : pairBlocks(decided, whatIf)),
    table(["device", "kind", ...(hasMemory ? ["peer memory"] : [])], kinds),
    ...more,
  ];
}

/** What the matrix comes to, without it: how many pairs are what and why, who stands together, what is to be minded. */
export function summaryBlocks(decided: VerdictTable, routes?: PeerRoutes): readonly Block[] {
  if (listDevices(decided).length === 0)
    return matrixLines(decided, UNBOUND, undefined, routes)
      .slice(1)
      .filter((line) => plainText(line) !== "")
      .map((text) => paragraph(text));
  const { answer, more } = matrixRemarks(decided, routes);
  return [...answer, heading("Who stands together"), list(islandTexts(decided, islandsOf(decided))), ...more];
}

/** What stands above the table of pairs, and below. */
function matrixRemarks(
  decided: VerdictTable,
  routes: PeerRoutes | undefined,
): { readonly answer: readonly Block[]; readonly more: readonly Block[] } {
  const way = wayToKnowOf(decided);
  const { first: reasons, rest } = reasonRemarks(decided);
  const gates = gateRemarks(decided);
  const stops = gates.filter((remark) => remark.stops === true).slice(0, STOPS_ABOVE);
  const first = [...reasons.slice(0, 1), ...stops, ...reasons.slice(1)];
  return {
    answer: [...remarkBlocks(first), ...(way === null ? [] : [paragraph(way)])],
    more: [
      ...leftOutTexts(decided).map((text) => paragraph(text)),
      ...remarkBlocks(rest),
      ...remarkBlocks(gates.filter((remark) => !stops.includes(remark))),
      ...remarkBlocks(hardwareRemarks(decided)),
      ...remarkBlocks(askedRemarks(decided)),
      ...(routes === undefined ? [] : remarkBlocks(differenceRemarks(decided, routes))),
    ],
  };
}

/** The table of pairs; what a change would change is marked. */
function pairBlocks(decided: VerdictTable, whatIf: WhatIfView | undefined): readonly Block[] {
  if (decided.providers.length === 0) return [];
  const names = decided.clients.map((client) => fullName(decided.topology, client));
  const answers = new Answers(decided);
  const marks = changedPairs(decided, whatIf);
  const rows = decided.providers.map((provider, i): Rich[] => [
    fullName(decided.topology, provider),
    ...decided.clients.map((client, j) => {
      const text = cellText(answers, i, j, provider === client);
      return marks.has(i * decided.clients.length + j) ? `${text} *` : text;
    }),
  ]);
  return [
    table(["provider ↓ client →", ...names], rows),
    ...(marks.size === 0 ? [] : [paragraph("*: differs from the machine as it is")]),
  ];
}

function cellText(answers: Answers, i: number, j: number, isSame: boolean): string {
  const decided = answers.table;
  const mapType = decided.mapType(i, j);
  if (isSame && mapType === "bus-addr") return "·";
  const works = mapType === "bus-addr" || mapType === "thru-host-bridge";
  const hops = decided.hops(i, j);
  if (works) return `${TOLD_WORDS[toldMapType(decided, i, j)]} (${hops})`;
  if (isSame || mapType !== "unknown" || hops === null) return TOLD_WORDS[toldMapType(decided, i, j)];
  return `${MAP_TYPE_WORDS[mapType]} (${hops}, ${answers.locality(i, j).word})`;
}

/** What is about all as paragraphs, the others as list items. */
function remarkBlocks(remarks: readonly Remark[]): readonly Block[] {
  const paragraphs = remarks.filter(({ isAboutAll }) => isAboutAll === true).map(({ text }) => paragraph(text));
  const items = remarks
    .filter(({ isAboutAll }) => isAboutAll !== true)
    .map(({ text, about }) => withCode(about === undefined ? text : rich`${text} — ${about}`));
  return [...paragraphs, ...(items.length === 0 ? [] : [list(items)])];
}

/** The tree for Markdown, with all of its columns. */
export function treeBlocks(input: TreeInput, whatIf?: WhatIfView, detail?: TreeDetail): readonly Block[] {
  return [code("", treeLines(input, Number.POSITIVE_INFINITY, whatIf, detail).map(plainText))];
}
