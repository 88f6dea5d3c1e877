import type { PeerRoutes } from "../fabric/index.ts";
import type { VerdictTable } from "../p2pdma/verdict-table.ts";
import type { Bdf } from "../pci/bdf.ts";
import { fullName, roleOf } from "./device-names.ts";
import { type Block, code, heading, list, paragraph, type Rich, table } from "./document.ts";
import { explainText } from "./explain-text.ts";
import { machineLines, p2pmemText } from "./facts.ts";
import { differenceLines } from "./matrix-differences.ts";
import { gateLines, hardwareLines, reasonLines } from "./matrix-reasons.ts";
import { listDevices, matrixText } from "./matrix-text.ts";
import { MAP_TYPE_WORDS } from "./reasons.ts";
import { makeStyle } from "./style.ts";
import { type TreeInput, treeText } from "./tree-text.ts";
import type { WhatIfView } from "./what-if.ts";

/** A table of more clients is wider than a page; it is given as text. */
const MAX_COLUMNS = 12;
/** What a page of an issue tracker shows without a scroll bar. */
const PAGE = { width: 110, color: false } as const;
const UNBOUND = { width: Number.MAX_SAFE_INTEGER, color: false } as const;

/** The matrix for Markdown: tables where they fit a page, else the screen as text. */
export function matrixBlocks(decided: VerdictTable, whatIf?: WhatIfView, routes?: PeerRoutes): readonly Block[] {
  const title = machineLines(decided.machine, decided.rules, UNBOUND.width).map((text) => heading(text));
  const devices = listDevices(decided);
  if (devices.length === 0 || decided.clients.length > MAX_COLUMNS) {
    return [...title, code("", textLines(matrixText(decided, PAGE, whatIf, routes)))];
  }
  const names = decided.clients.map((client) => fullName(decided.topology, client));
  const rows = decided.providers.map((provider, i): Rich[] => [
    fullName(decided.topology, provider),
    ...decided.clients.map((client, j) => cellText(decided, i, j, provider === client)),
  ]);
  const kinds = devices.map((fn): Rich[] => [fullName(decided.topology, fn.bdf), roleOf(fn), p2pmemText(fn)]);
  return [
    ...title,
    table(["device", "kind", "peer memory"], kinds),
    table(["provider ↓ client →", ...names], rows),
    ...itemsOf(reasonLines(decided, makeStyle(UNBOUND), UNBOUND.width)),
    ...itemsOf(gateLines(decided, makeStyle(UNBOUND), UNBOUND.width)),
    ...itemsOf(hardwareLines(decided, makeStyle(UNBOUND), UNBOUND.width)),
    ...(routes === undefined ? [] : itemsOf(differenceLines(decided, routes, makeStyle(UNBOUND), UNBOUND.width))),
  ];
}

function cellText(decided: VerdictTable, i: number, j: number, isSame: boolean): string {
  const mapType = decided.mapType(i, j);
  if (isSame && mapType === "bus-addr") return "·";
  const works = mapType === "bus-addr" || mapType === "thru-host-bridge";
  return works ? `${MAP_TYPE_WORDS[mapType]} (${decided.hops(i, j)})` : MAP_TYPE_WORDS[mapType];
}

/** Lines of a screen as paragraphs and list items: an item stands two columns in, what belongs to it four. */
function itemsOf(lines: readonly string[]): readonly Block[] {
  const paragraphs = lines.filter((line) => line !== "" && !line.startsWith("  "));
  const items: string[] = [];
  for (const line of lines) {
    if (line.startsWith("    ")) items.push(`${items.pop() ?? ""} — ${line.trim()}`);
    else if (line.startsWith("  ")) items.push(line.trim());
  }
  return [...paragraphs.map((text) => paragraph(text)), ...(items.length === 0 ? [] : [list(items)])];
}

/** The tree for Markdown. */
export function treeBlocks(input: TreeInput, whatIf?: WhatIfView): readonly Block[] {
  return [code("", textLines(treeText(input, PAGE, whatIf)))];
}

/** A pair explained, for Markdown. */
export function explainBlocks(decided: VerdictTable, a: Bdf, b: Bdf, routes?: PeerRoutes): readonly Block[] {
  return [code("", textLines(explainText(decided, a, b, PAGE, routes)))];
}

function textLines(text: string): readonly string[] {
  return text.trimEnd().split("\n");
}
