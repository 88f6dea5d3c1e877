import { Answers } from "../answers/answer.ts";
import type { Bdf } from "../pci/bdf.ts";
import type { PeerRoutes } from "../routes/peer-routes.ts";
import type { VerdictTable } from "../rules/verdict-table.ts";
import { askedRemarks } from "./asked-by.ts";
import { fullName, roleOf } from "./device-names.ts";
import { type Block, code, heading, list, paragraph, type Rich, table } from "./document.ts";
import { explainLines } from "./explain-text.ts";
import { machineLines, p2pmemText } from "./facts.ts";
import { leftOutTexts } from "./left-out.ts";
import { differenceRemarks } from "./matrix-differences.ts";
import { gateRemarks, hardwareRemarks, type Remark, reasonRemarks } from "./matrix-reasons.ts";
import { listDevices, matrixLines } from "./matrix-text.ts";
import { MAP_TYPE_WORDS } from "./reasons.ts";
import { plainText, rich } from "./rich.ts";
import { type TreeDetail, type TreeInput, treeLines } from "./tree-text.ts";
import type { WhatIfView } from "./what-if.ts";

/** A table of more clients is wider than a page; it is given as text. */
const MAX_COLUMNS = 12;
/** What a page of an issue tracker shows without a scroll bar. */
const PAGE = 110;
const UNBOUND = Number.MAX_SAFE_INTEGER;

/** The matrix for Markdown: tables where they fit a page, else the screen as text. */
export function matrixBlocks(decided: VerdictTable, whatIf?: WhatIfView, routes?: PeerRoutes): readonly Block[] {
  const title = machineLines(decided.machine, decided.rules, UNBOUND).map((text) => heading(text));
  const devices = listDevices(decided);
  if (devices.length === 0 || decided.clients.length > MAX_COLUMNS) {
    return [...title, code("", matrixLines(decided, PAGE, whatIf, routes).map(plainText))];
  }
  const names = decided.clients.map((client) => fullName(decided.topology, client));
  const answers = new Answers(decided);
  const rows = decided.providers.map((provider, i): Rich[] => [
    fullName(decided.topology, provider),
    ...decided.clients.map((client, j) => cellText(answers, i, j, provider === client)),
  ]);
  const kinds = devices.map((fn): Rich[] => [fullName(decided.topology, fn.bdf), roleOf(fn), p2pmemText(fn)]);
  const { first, rest } = reasonRemarks(decided);
  return [
    ...title,
    ...remarkBlocks(first),
    ...(rows.length === 0 ? [] : [table(["provider ↓ client →", ...names], rows)]),
    table(["device", "kind", "peer memory"], kinds),
    ...leftOutTexts(decided).map((text) => paragraph(text)),
    ...remarkBlocks(rest),
    ...remarkBlocks(gateRemarks(decided)),
    ...remarkBlocks(hardwareRemarks(decided)),
    ...remarkBlocks(askedRemarks(decided)),
    ...(routes === undefined ? [] : remarkBlocks(differenceRemarks(decided, routes))),
  ];
}

function cellText(answers: Answers, i: number, j: number, isSame: boolean): string {
  const decided = answers.table;
  const mapType = decided.mapType(i, j);
  if (isSame && mapType === "bus-addr") return "·";
  const works = mapType === "bus-addr" || mapType === "thru-host-bridge";
  const hops = decided.hops(i, j);
  if (works) return `${MAP_TYPE_WORDS[mapType]} (${hops})`;
  if (isSame || mapType !== "unknown" || hops === null) return MAP_TYPE_WORDS[mapType];
  return `${MAP_TYPE_WORDS[mapType]} (${hops}, ${answers.locality(i, j).word})`;
}

/** What is about all as paragraphs, the others as list items. */
function remarkBlocks(remarks: readonly Remark[]): readonly Block[] {
  const paragraphs = remarks.filter(({ isAboutAll }) => isAboutAll === true).map(({ text }) => paragraph(text));
  const items = remarks
    .filter(({ isAboutAll }) => isAboutAll !== true)
    .map(({ text, about }) => (about === undefined ? text : rich`${text} — ${about}`));
  return [...paragraphs, ...(items.length === 0 ? [] : [list(items)])];
}

/** The tree for Markdown, with all of its columns. */
export function treeBlocks(input: TreeInput, whatIf?: WhatIfView, detail?: TreeDetail): readonly Block[] {
  return [code("", treeLines(input, Number.POSITIVE_INFINITY, whatIf, detail).map(plainText))];
}

/** A pair explained, for Markdown. */
export function explainBlocks(decided: VerdictTable, a: Bdf, b: Bdf, routes?: PeerRoutes): readonly Block[] {
  return [code("", explainLines(decided, a, b, PAGE, routes).map(plainText))];
}
