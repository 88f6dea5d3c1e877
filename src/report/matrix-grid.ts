import { type Answers, answersOf } from "../answers/answer.ts";
import type { Bdf } from "../pci/bdf.ts";
import type { VerdictTable } from "../rules/verdict-table.ts";
import { type BlockedPairs, blockedPairs } from "../summary/blocked-pairs.ts";
import { goesUp } from "../summary/going-up.ts";
import type { Island } from "../summary/islands.ts";
import { isRefusedUnasked } from "../summary/unasked-pairs.ts";
import { nameIn } from "./device-names.ts";
import { GOES_UP_MARK, TOLD_PAINTS, TOLD_WORDS, UNASKED_CELL } from "./reasons.ts";
import { joinRich, painted, type Rich, rich, type Span } from "./rich.ts";
import type { Paint } from "./style.ts";
import type { WhatIfView } from "./what-if.ts";
import { textWidth, truncate, wrap } from "./width.ts";

/**
 * Providers × clients with what the cells mean: nothing where there is nothing to draw. A pair that a change would change is
 * marked.
 */
export function gridLines(
  table: VerdictTable,
  islands: readonly Island[],
  width: number,
  whatIf?: WhatIfView,
): readonly Rich[] {
  if (hasNothingToDraw(table)) return [];
  const marks = changedPairs(table, whatIf);
  const answers = answersOf(table);
  const { lines, form } = drawCells(table, islands, width, (i, j, asked) => cell(answers, i, j, asked, marks));
  const showsPlaces =
    form === "full" && table.providers.some((_, i) => table.clients.some((__, j) => isPlaced(table, i, j)));
  const isAnyUp = table.providers.some((_, i) => table.clients.some((__, j) => goesUp(table, i, j)));
  const isAnyUnasked = table.providers.some((_, i) => table.clients.some((__, j) => isRefusedUnasked(table, i, j)));
  const shows = { isMarked: marks.size > 0, showsPlaces, isAnyUp, isAnyUnasked };
  return [...lines, "", ...legend(width, shows, blockedPairs(table))];
}

/** Pairs, by position, whose verdict a change would change. */
type Marks = ReadonlySet<number>;

/** Pairs of a table, by position, whose verdict a change would change. */
export function changedPairs(table: VerdictTable, whatIf: WhatIfView | undefined): Marks {
  if (whatIf === undefined) return new Set();
  const changed = new Map<Bdf, Set<Bdf>>();
  for (const { provider, client } of whatIf.verdicts) {
    const clients = changed.get(provider);
    if (clients === undefined) changed.set(provider, new Set([client]));
    else clients.add(client);
  }
  return new Set(
    table.providers.flatMap((provider, i) =>
      table.clients.flatMap((client, j) =>
        changed.get(provider)?.has(client) === true ? [i * table.clients.length + j] : [],
      ),
    ),
  );
}

/** No provider, or many pairs of which not even the hops are known: a table of question marks says less than its head. */
function hasNothingToDraw(table: VerdictTable): boolean {
  const { providers, clients } = table;
  if (providers.length * clients.length <= FEW_PAIRS) return providers.length === 0;
  return providers.every((provider, i) =>
    clients.every(
      (client, j) => provider === client || (table.mapType(i, j) === "unknown" && table.hops(i, j) === null),
    ),
  );
}

/** So many pairs are drawn whatever they are. */
const FEW_PAIRS = 64;

/** How much a cell says: all, or no place of an unknown pair. */
export type CellForm = "full" | "short";

/** What a cell says of the pair at these positions, and how it is painted. */
export type CellOf = (i: number, j: number, form: CellForm) => { readonly text: string; readonly paint: Paint };

/** One cell: what to print for a pair, and its paint; `^` marks one that is direct by the verdict alone, `!` one that is blocked, `*` one that a change would change. */
function cell(answers: Answers, i: number, j: number, form: CellForm, marks: Marks): { text: string; paint: Paint } {
  const { text, paint } = verdictCell(answers, i, j, form);
  const pair = i * answers.table.clients.length + j;
  const { sure, perhaps } = blockedPairs(answers.table);
  const mark = `${sure.has(pair) ? "!" : perhaps.has(pair) ? "!?" : ""}${marks.has(pair) ? "*" : ""}`;
  return { text: `${text}${mark}`, paint: sure.has(pair) ? "no" : perhaps.has(pair) ? "unknown" : paint };
}

function verdictCell(answers: Answers, i: number, j: number, form: CellForm): { text: string; paint: Paint } {
  const { table } = answers;
  const hops = table.hops(i, j);
  switch (table.mapType(i, j)) {
    case "bus-addr":
      if (table.providers[i] === table.clients[j]) return { text: "·", paint: "faint" };
      return goesUp(table, i, j)
        ? { text: `${hops}${GOES_UP_MARK}`, paint: TOLD_PAINTS["goes-up"] }
        : { text: String(hops), paint: "direct" };
    case "thru-host-bridge":
      return { text: `H${hops}`, paint: "host" };
    case "not-supported":
      return isRefusedUnasked(table, i, j)
        ? { text: UNASKED_CELL, paint: TOLD_PAINTS.unasked }
        : { text: "✗", paint: "no" };
    default:
      return { text: unknownCell(answers, i, j, form), paint: "unknown" };
  }
}

/** `?4 PXB`: the hops and the place are known whatever the verdict is. */
function unknownCell(answers: Answers, i: number, j: number, form: CellForm): string {
  const hops = answers.table.hops(i, j);
  if (hops === null || answers.table.providers[i] === answers.table.clients[j]) return "?";
  if (form === "short") return `?${hops}`;
  const { word } = answers.locality(i, j);
  return `?${hops} ${word.replace(" or ", "/")}`;
}

/** Columns of the widest name at the left, and above a column. */
const NAME_COLUMNS = 24;

/** Clients beside each other in a grid, and the columns that each takes with the gap before it. */
interface GridColumns {
  readonly names: readonly string[];
  readonly cellWidth: number;
  /** Blanks before a column that begins another place. */
  readonly gaps: readonly number[];
}

/**
 * Providers × clients, each cell with its hops: in blocks of columns where not all fit, broken between places where that
 * costs no room. A place is set apart from the next by a gap, as far as places hold several devices.
 */
export function drawCells(
  table: VerdictTable,
  islands: readonly Island[],
  width: number,
  cellOf: CellOf,
): { readonly lines: readonly Rich[]; readonly form: CellForm } {
  const labels = table.providers.map((bdf) => nameIn(table.topology, bdf));
  const labelWidth = Math.min(
    Math.max(...labels.map((label) => 1 + textWidth(label)), "provider".length),
    NAME_COLUMNS,
  );
  const room = width - labelWidth;
  const names = table.clients.map((bdf) => truncate(nameIn(table.topology, bdf), NAME_COLUMNS));
  const placeOf = placeNumbers(islands);
  const gaps = gapsOf(table.clients, placeOf);
  const widestName = Math.max(...names.map((name) => textWidth(name)));
  const columnsOf = (form: CellForm): GridColumns => ({
    names,
    gaps,
    cellWidth: 1 + Math.max(cellsWidth(table, form, cellOf), widestName),
  });
  const full = columnsOf("full");
  const short = columnsOf("short");
  const isFull = full.cellWidth === short.cellWidth || blocksOf(full, room).length === 1;
  const [form, columns]: [CellForm, GridColumns] = isFull ? ["full", full] : ["short", short];
  const blocks = blocksOf(columns, room);
  const rowGaps = gapsOf(table.providers, placeOf);
  const lines: Rich[] = [];
  for (const [from, to] of blocks) {
    if (from > 0) lines.push("");
    const padding = (j: number, text: string): string =>
      " ".repeat((j === from ? 0 : (gaps[j] ?? 0)) + columns.cellWidth - textWidth(text));
    const heads = names.slice(from, to).map((name, at) => `${padding(from + at, name)}${name}`);
    lines.push([painted("faint", `${"provider".padEnd(labelWidth)}${heads.join("")}`)]);
    const rows = labels.map((label, i): GridRow => {
      const spans = names.slice(from, to).flatMap((_, at): Span[] => {
        const { text, paint } = cellOf(i, from + at, form);
        return [padding(from + at, text), painted(paint, text)];
      });
      return { label, cells: spans, isApart: (rowGaps[i] ?? 0) > 0 };
    });
    for (const { label, cells, isApart } of blocks.length > 1 ? foldRows(rows) : rows) {
      if (isApart) lines.push("");
      lines.push([truncate(label, labelWidth), " ".repeat(Math.max(labelWidth - textWidth(label), 0)), ...cells]);
    }
  }
  return { lines, form };
}

/** The island of each device, by its number. */
function placeNumbers(islands: readonly Island[]): ReadonlyMap<Bdf, number> {
  return new Map(islands.flatMap(({ devices }, index) => devices.map((bdf): [Bdf, number] => [bdf, index])));
}

/** For each device 1 where it begins another island than the one before it; 0 throughout where islands are single devices. */
function gapsOf(devices: readonly Bdf[], placeOf: ReadonlyMap<Bdf, number>): readonly number[] {
  const gaps = devices.map((bdf, index) => {
    const before = devices[index - 1];
    return before !== undefined && placeOf.get(bdf) !== placeOf.get(before) ? 1 : 0;
  });
  const count = gaps.filter((gap) => gap > 0).length;
  return 2 * (count + 1) <= devices.length ? gaps : gaps.map(() => 0);
}

/** Ranges of columns that fit `room`, each ending where a place ends if at least half of what fits is before it. */
function blocksOf({ names, cellWidth, gaps }: GridColumns, room: number): readonly (readonly [number, number])[] {
  const blocks: [number, number][] = [];
  for (let from = 0; from < names.length; ) {
    let end = from;
    for (let used = 0; end < names.length; end++) {
      used += cellWidth + (end === from ? 0 : (gaps[end] ?? 0));
      if (used > room && end > from) break;
    }
    if (end < names.length) {
      let atPlace = end;
      while (atPlace > from && (gaps[atPlace] ?? 0) === 0) atPlace--;
      if (2 * (atPlace - from) >= end - from) end = atPlace;
    }
    blocks.push([from, end]);
    from = end;
  }
  return blocks;
}

function isPlaced(table: VerdictTable, i: number, j: number): boolean {
  return table.providers[i] !== table.clients[j] && table.mapType(i, j) === "unknown" && table.hops(i, j) !== null;
}

interface GridRow {
  readonly label: string;
  readonly cells: readonly Span[];
  /** Stands apart from the row above. */
  readonly isApart: boolean;
}

/** So many rows of a block with the same cells are drawn as the first of them and up to which they go. */
const FOLDED_ROWS = 8;

/** The rows of one of several blocks: long runs with the same cells, most often of pairs that are all unknown, as two. */
function foldRows(rows: readonly GridRow[]): readonly GridRow[] {
  const keys = rows.map(({ cells }) => JSON.stringify(cells));
  const folded: GridRow[] = [];
  for (let start = 0, end = 0; start < rows.length; start = end) {
    while (end < rows.length && keys[end] === keys[start]) end++;
    const run = rows.slice(start, end);
    const [first] = run;
    if (first === undefined || run.length < FOLDED_ROWS) folded.push(...run);
    else folded.push(first, { label: `…${run.at(-1)?.label ?? ""}`, cells: first.cells, isApart: false });
  }
  return folded;
}

function cellsWidth({ providers, clients }: VerdictTable, form: CellForm, cellOf: CellOf): number {
  let most = 1;
  for (let i = 0; i < providers.length; i++) {
    for (let j = 0; j < clients.length; j++) most = Math.max(most, cellOf(i, j, form).text.length);
  }
  return most;
}

/** What the cells mean, in words that no one takes for a result. */
function legend(
  width: number,
  shows: {
    readonly isMarked: boolean;
    readonly showsPlaces: boolean;
    readonly isAnyUp: boolean;
    readonly isAnyUnasked: boolean;
  },
  { sure, perhaps }: BlockedPairs,
): readonly Rich[] {
  const entries: readonly Rich[] = [
    rich`${painted("faint", "cells are hops, plain:")} ${painted("direct", "direct")}`,
    ...(shows.isAnyUp
      ? [rich`${painted("faint", `${GOES_UP_MARK}:`)} ${painted(TOLD_PAINTS["goes-up"], TOLD_WORDS["goes-up"])}`]
      : []),
    rich`${painted("faint", "with H:")} ${painted("host", "through the host bridge")}`,
    rich`${painted("faint", "✗:")} ${painted("no", "not supported")}`,
    ...(shows.isAnyUnasked
      ? [
          rich`${painted("faint", `${UNASKED_CELL}:`)} ${painted(TOLD_PAINTS.unasked, TOLD_WORDS.unasked)} (requests may arrive)`,
        ]
      : []),
    rich`${painted("faint", "?:")} ${painted("unknown", "unknown")}${shows.showsPlaces ? ", with its place as nvidia-smi topo says it" : ""}`,
    ...(sure.size > 0 ? [rich`${painted("faint", "!:")} ${painted("no", "blocked, whatever the verdict")}`] : []),
    ...(perhaps.size > 0 ? [rich`${painted("faint", "!?:")} ${painted("unknown", "may be blocked")}`] : []),
    ...(shows.isMarked ? [rich`${painted("faint", "*:")} differs from the machine as it is`] : []),
  ];
  return wrap(joinRich(entries, " · "), width);
}
