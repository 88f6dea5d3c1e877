import { type Printable, visible } from "../pci/visible.ts";

/** A cell of a table for spreadsheets: a text, a number, or nothing. */
export type CsvCell = string | number | null;

/**
 * A table as CSV (RFC 4180): rows end with CR LF, the first one names the columns. Texts are made visible, so that each row
 * is one line. A text that a spreadsheet would take for a formula has an apostrophe before it, as sources are strangers'.
 */
export function csvText(head: readonly string[], rows: readonly (readonly CsvCell[])[]): Printable {
  return [head, ...rows].map((row) => `${row.map(cellText).join(",")}\r\n`).join("") as Printable;
}

/** What spreadsheets begin a formula with (OWASP, CSV Injection), also in the widths of East Asian keyboards. */
const FORMULA = /^\s*[=+\-@＝＋－＠]/;

function cellText(cell: CsvCell): string {
  if (cell === null) return "";
  if (typeof cell === "number") return String(cell);
  const shown = visible(cell);
  const text = FORMULA.test(shown) ? `'${shown}` : shown;
  return /[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
