import { entryAt } from "../pci/entry-at.ts";
import type { Printable } from "../pci/visible.ts";
import type { Block } from "./document.ts";
import { screenText } from "./printable.ts";
import { joinRich, painted, plainText, type Rich, rich } from "./rich.ts";
import type { ScreenOptions } from "./style.ts";
import { textWidth, truncate, wrap } from "./width.ts";

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

function tableLines(head: readonly string[], rows: readonly (readonly Rich[])[], width: number): Rich[] {
  const widths = head.map((title, column) =>
    Math.max(textWidth(title), ...rows.map((row) => textWidth(row[column] ?? ""))),
  );
  // The last column holds sentences, if any does: it is broken, not cut.
  const indent = 2 + widths.slice(0, -1).reduce((sum, columnWidth) => sum + columnWidth + GAP.length, 0);
  const draw = (row: readonly Rich[]): Rich => {
    const end = row.findLastIndex((cell) => plainText(cell) !== "") + 1;
    const cells = row.slice(0, end).map((cell, column): Rich => {
      const room = column === end - 1 ? 0 : entryAt(widths, column) - textWidth(cell);
      return rich`${cell}${" ".repeat(Math.max(room, 0))}`;
    });
    return joinRich(cells, GAP);
  };
  const drawRow = (row: readonly Rich[]): Rich[] => {
    const room = width - indent;
    const last = row.at(-1) ?? "";
    if (room < 24 || textWidth(last) <= room) return [truncate(rich`  ${draw(row)}`, width)];
    const [first = [], ...others] = wrap(last, room);
    return [rich`  ${draw([...row.slice(0, -1), first])}`, ...others.map((line) => [" ".repeat(indent), ...line])];
  };
  const title = [painted("faint", plainText(draw(head)))];
  return [truncate(rich`  ${title}`, width), ...rows.flatMap(drawRow)];
}
