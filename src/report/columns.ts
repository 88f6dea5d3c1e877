import { entryAt } from "../pci/entry-at.ts";
import { painted, plainText, type Rich, rich } from "./rich.ts";
import { textWidth, wrap } from "./width.ts";

/** Room between columns. */
const GAP = "  ";
/** Columns of a terminal that a cell takes before it is wrapped in its column; in a pipe those that cells below wait for. */
const WIDEST = 34;

/** A row: its cells, and what stands below the first one where others are wrapped; or a text across all columns. */
export type ColumnRow =
  | { readonly cells: readonly Rich[]; readonly under?: Rich }
  | { readonly across: Rich; readonly lead?: Rich; readonly under?: Rich };

/** Rows drawn, and the columns that had no room. */
export interface DrawnColumns {
  readonly lines: readonly Rich[];
  readonly leftOut: readonly string[];
  /** Columns of a terminal on which none would be left out. */
  readonly wholeWidth: number;
}

/**
 * Rows in columns, the most important ones first. Columns in which nothing stands are none; those for which `width` has no
 * room are left out whole, from the last one on, the first never. Nothing is cut: what is too wide is wrapped in its
 * column. With an infinite width each row is one line. An empty head has no name among what is left out.
 */
export function drawColumns(heads: readonly string[], rows: readonly ColumnRow[], width: number): DrawnColumns {
  const isPipe = !Number.isFinite(width);
  const widths = heads.map((head, column) => {
    let most = 0;
    for (const row of rows) if ("cells" in row) most = Math.max(most, textWidth(row.cells[column] ?? ""));
    if (most === 0) return 0;
    const isFree = column === 0 || (column === heads.length - 1 && !isPipe);
    return Math.max(isFree ? most : Math.min(most, WIDEST), textWidth(head));
  });
  const used = widths.flatMap((columns, column) => (columns === 0 ? [] : [column]));
  const ends: number[] = [];
  for (const column of used) ends.push((ends.at(-1) ?? -GAP.length) + GAP.length + entryAt(widths, column));
  const shown = used.filter((_, at) => at === 0 || entryAt(ends, at) <= width);
  const rowLines = (row: ColumnRow): readonly Rich[] => {
    if ("across" in row) return acrossLines(row, width);
    return cellLines(
      shown.map((column) => row.cells[column] ?? ""),
      shown.map((column) => entryAt(widths, column)),
      row.under ?? "",
      width,
    );
  };
  const head = plainText(
    cellsLine(
      shown.map((column) => entryAt(heads, column)),
      shown.map((column) => entryAt(widths, column)),
    ),
  );
  return {
    lines: [...(head.trim() === "" ? [] : [[painted("faint", head)]]), ...rows.flatMap(rowLines)],
    leftOut: used.slice(shown.length).flatMap((column) => (heads[column] ? [entryAt(heads, column)] : [])),
    wholeWidth: ends.at(-1) ?? 0,
  };
}

function acrossLines(
  row: { readonly across: Rich; readonly lead?: Rich; readonly under?: Rich },
  width: number,
): readonly Rich[] {
  const { across, lead = "", under = lead } = row;
  if (!Number.isFinite(width)) return [rich`${lead}${across}`];
  return wrap(across, Math.max(width - textWidth(lead), 20)).map((line, at) => rich`${at === 0 ? lead : under}${line}`);
}

function cellLines(cells: readonly Rich[], widths: readonly number[], under: Rich, width: number): readonly Rich[] {
  if (!Number.isFinite(width)) return [cellsLine(cells, widths)];
  const broken = cells.map((cell, at): readonly Rich[] => {
    const room = Math.min(entryAt(widths, at), width);
    // What fits keeps its blanks.
    return textWidth(cell) <= room ? [cell] : wrap(cell, room);
  });
  const height = Math.max(...broken.map((lines) => lines.length));
  return Array.from({ length: height }, (_, line) =>
    cellsLine(
      broken.map((lines, at): Rich => lines[line] ?? (at === 0 ? under : "")),
      widths,
    ),
  );
}

function cellsLine(cells: readonly Rich[], widths: readonly number[]): Rich {
  const end = cells.findLastIndex((cell) => plainText(cell) !== "") + 1;
  return cells.slice(0, end).flatMap((cell, at) => {
    const room = at === end - 1 ? 0 : entryAt(widths, at) - textWidth(cell) + GAP.length;
    return rich`${cell}${" ".repeat(at === end - 1 ? 0 : Math.max(room, GAP.length))}`;
  });
}
