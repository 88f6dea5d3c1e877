import { type Block, type Rich, spansOf } from "./document.ts";
import { makeStyle, type ScreenOptions, type Style } from "./style.ts";
import { textWidth, truncate, wrap } from "./width.ts";

/** Room between the columns of a table. */
const GAP = "  ";

/** A report as a screen, at most `width` columns wide but for lines that are there to be copied. */
export function documentText(blocks: readonly Block[], options: ScreenOptions): string {
  const style = makeStyle(options);
  const lines: string[] = [];
  for (const block of blocks) {
    if (block.kind === "heading" && lines.length > 0) lines.push("");
    lines.push(...blockLines(block, style, options.width));
  }
  return `${lines.join("\n")}\n`;
}

function blockLines(block: Block, style: Style, width: number): string[] {
  switch (block.kind) {
    case "heading":
      return wrap(style.strong(painted(block.text, style)), width);
    case "paragraph":
      return wrap(painted(block.text, style), width);
    case "list":
      return block.items.flatMap((item) => hanging("  ", painted(item, style), width));
    case "table":
      return tableLines(block.head, block.rows, style, width);
    case "code":
      return [
        ...(block.title === "" ? [] : hanging("    ", style.faint(block.title), width)),
        ...block.lines.map((line) => `      ${line}`),
      ];
  }
}

function painted(text: Rich, style: Style): string {
  return spansOf(text)
    .map((span) => (typeof span === "string" ? span : style[span.paint](span.text)))
    .join("");
}

function hanging(indent: string, text: string, width: number): string[] {
  const [first = "", ...rest] = wrap(text, Math.max(width - indent.length - 2, 20));
  return [`${indent}${first}`, ...rest.map((line) => `${indent}  ${line}`)];
}

function tableLines(
  head: readonly string[],
  rows: readonly (readonly Rich[])[],
  style: Style,
  width: number,
): string[] {
  const cells = rows.map((row) => row.map((cell) => painted(cell, style)));
  const widths = head.map((title, column) =>
    Math.max(textWidth(title), ...cells.map((row) => textWidth(row[column] ?? ""))),
  );
  const draw = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell + " ".repeat(Math.max((widths[column] ?? 0) - textWidth(cell), 0)))
      .join(GAP)
      .trimEnd();
  // The last column holds sentences, if any does: it is broken, not cut.
  const indent = 2 + widths.slice(0, -1).reduce((sum, columnWidth) => sum + columnWidth + GAP.length, 0);
  const drawRow = (row: readonly string[]): string[] => {
    const room = width - indent;
    const last = row.at(-1) ?? "";
    if (room < 24 || textWidth(last) <= room) return [truncate(`  ${draw(row)}`, width)];
    const [first = "", ...rest] = wrap(last, room);
    return [`  ${draw([...row.slice(0, -1), first])}`, ...rest.map((line) => " ".repeat(indent) + line)];
  };
  return [truncate(`  ${style.faint(draw(head))}`, width), ...cells.flatMap(drawRow)];
}
