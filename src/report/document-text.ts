import { entryAt } from "../pci/entry-at.ts";
import type { Printable } from "../pci/visible.ts";
import type { Block } from "./document.ts";
import { screenText } from "./printable.ts";
import { joinRich, painted, plainText, type Rich, rich } from "./rich.ts";
import type { ScreenOptions } from "./style.ts";
import { textWidth, wrap } from "./width.ts";

/** Room between the columns of a table. */
const GAP = "  ";

/** A report as a screen, at most `width` columns wide but for lines that are there to be copied. */
export function documentText(blocks: readonly Block[], options: ScreenOptions): Printable {
  const lines: Rich[] = [];
  for (const block of blocks) {
    if (block.kind === "heading" && lines.length > 0) lines.push("");
    for (const line of blockLines(block, options.width)) lines.push(line);
  }
  return screenText(lines.length === 0 ? [""] : lines, options);
}

function blockLines(block: Block, width: number): readonly Rich[] {
  switch (block.kind) {
    case "heading":
      return wrap(emphasized(block.text), width);
    case "paragraph":
      return wrap(block.text, width);
    case "list":
      return block.items.flatMap((item) => hanging("  ", item, width));
    case "table":
      return tableLines(block.head, block.rows, width);
    case "code":
      return [
        ...(block.title === "" ? [] : hanging("    ", [painted("faint", block.title)], width)),
        ...block.lines.map((line) => `      ${line}`),
      ];
  }
}

/** What has no paint of its own stands out. */
function emphasized(text: Rich): Rich {
  return typeof text === "string"
    ? [painted("strong", text)]
    : text.map((span) => (typeof span === "string" ? painted("strong", span) : span));
}

function hanging(indent: string, text: Rich, width: number): Rich[] {
  const room = Math.max(width - indent.length - 2, 20);
  const lines = wrap(text, room, room + 2);
  return lines.map((line, index) => [index === 0 ? indent : `${indent}  `, ...line]);
}

/** Room that a column of sentences needs at its least. */
const LEAST_LAST = 24;

/**
 * A table of at most `width` columns, of which nothing is cut: sentences in the last column are broken, and columns for which
 * there is no room follow below in a table of their own, behind the first column again.
 */
function tableLines(head: readonly string[], rows: readonly (readonly Rich[])[], width: number): readonly Rich[] {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => textWidth(row[column] ?? ""))));
  const last = head.length - 1;
  const least = (column: number): number =>
    column === last ? Math.min(entryAt(widths, column), LEAST_LAST) : entryAt(widths, column);
  const parts: number[][] = [];
  let used = 0;
  for (const column of head.keys()) {
    const part = parts.at(-1);
    if (part !== undefined && (part.length === 1 || used + GAP.length + least(column) <= width)) {
      part.push(column);
      used += GAP.length + least(column);
      continue;
    }
    const first = column === 0 ? [] : [0];
    parts.push([...first, column]);
    used = 2 + [...first, column].reduce((sum, one) => sum + least(one), first.length * GAP.length);
  }
  return parts.flatMap((columns) => {
    const pick = (row: readonly Rich[]): readonly Rich[] => columns.map((column) => row[column] ?? "");
    const shown = rows.map(pick);
    const title = pick(head).map((text): Rich => (text === "" ? "" : [painted("faint", plainText(text))]));
    return [title, ...shown].flatMap((row) =>
      rowLines(
        row,
        columns.map((column) => entryAt(widths, column)),
        width,
      ),
    );
  });
}

/** A row of a table; what of its last cell has no room follows below it. */
function rowLines(row: readonly Rich[], widths: readonly number[], width: number): readonly Rich[] {
  const indent = 2 + widths.slice(0, -1).reduce((sum, columns) => sum + columns + GAP.length, 0);
  const draw = (cells: readonly Rich[]): Rich => {
    const end = cells.findLastIndex((cell) => plainText(cell) !== "") + 1;
    const padded = cells.slice(0, end).map((cell, column): Rich => {
      const room = column === end - 1 ? 0 : entryAt(widths, column) - textWidth(cell);
      return rich`${cell}${" ".repeat(Math.max(room, 0))}`;
    });
    return joinRich(padded, GAP);
  };
  const last = row.at(-1) ?? "";
  const room = width - indent;
  if (textWidth(last) <= room) return [rich`  ${draw(row)}`];
  if (room < LEAST_LAST) return hanging("  ", draw(row), width);
  const [first = [], ...others] = wrap(last, room);
  return [rich`  ${draw([...row.slice(0, -1), first])}`, ...others.map((line) => [" ".repeat(indent), ...line])];
}
