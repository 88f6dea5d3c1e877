import type { Collector } from "./collector.ts";
import { type Line, parseDecimal, placeOf, wordsOf } from "./lines.ts";
import type { ResultPlace } from "./results.ts";

/** A figure of a table; `null` for N/A. */
export interface Cell {
  readonly value: number | null;
  readonly place: ResultPlace;
}

/** A row that is whole: a figure for each column. */
export interface MatrixRow {
  readonly index: number;
  readonly cells: readonly Cell[];
}

/** A table with numbers of devices above and at the left. */
export interface Matrix {
  readonly columns: readonly number[];
  readonly rows: readonly MatrixRow[];
}

/** Devices in one table. */
export const MAX_COLUMNS = 1024;

/**
 * Takes a table from its lines: numbers of columns (behind a corner such as `D\D`, where it has one), then rows. A row with
 * a hole is told and not used, as nobody knows which figure is gone.
 */
export class MatrixLines {
  readonly #out: Collector;
  readonly #corner: string | null;
  readonly #rows: MatrixRow[] = [];
  readonly #seen = new Set<number>();
  #columns: readonly number[] | null = null;
  #header: ResultPlace | null = null;

  constructor(out: Collector, corner: string | null) {
    this.#out = out;
    this.#corner = corner;
  }

  /** True where the line is the header, or a row or what is left of one. */
  take(line: Line): boolean {
    const words = wordsOf(line);
    const first = words[0];
    if (first === undefined) return false;
    if (this.#columns === null) return this.#takeHeader(line);
    const index = wholeNumber(first.text);
    const cells = words.slice(1);
    const values = cells.map(({ text }) => (text === "N/A" ? null : parseDecimal(text)));
    // A word that is no figure makes it another kind of line, unless the figures are the most of it.
    const figures = values.filter((value) => value !== undefined).length;
    if (index === undefined || cells.length === 0 || figures * 2 <= cells.length) return false;
    const isSecond = this.#seen.has(index);
    this.#seen.add(index);
    // The host is row 0, whatever the columns are.
    if (!this.#columns.includes(index) && index !== 0) {
      this.#out.unread(line, `the table has no column ${index}, so this is no row of it`);
    } else if (isSecond) this.#out.unread(line, `row ${index} is there twice`);
    else if (cells.length !== this.#columns.length) {
      this.#out.unread(line, `row ${index} has ${cells.length} of ${this.#columns.length} figures`);
    } else if (figures < cells.length) {
      this.#out.unread(line, `row ${index} has ${cells.length - figures} words that are no figures`);
    } else {
      this.#rows.push({ index, cells: cells.map(({ place }, at) => ({ value: values[at] ?? null, place })) });
    }
    return true;
  }

  #takeHeader(line: Line): boolean {
    const words = wordsOf(line);
    const numbers =
      this.#corner === null || words[0]?.text === this.#corner ? words.slice(this.#corner === null ? 0 : 1) : [];
    const columns = numbers.map(({ text }) => wholeNumber(text));
    const known = columns.filter((column) => column !== undefined);
    if (known.length === 0 || known.length < columns.length || known.length > MAX_COLUMNS) return false;
    if (new Set(known).size < known.length) return false;
    this.#columns = known;
    this.#header = words[0]?.place ?? placeOf(line, 0);
    return true;
  }

  /** The table as it was until now; `null` where not even a header came. In a square one, rows that are not there are told. */
  end(isSquare: boolean): Matrix | null {
    if (this.#columns === null || this.#header === null) return null;
    const gone = isSquare ? this.#columns.filter((column) => !this.#seen.has(column)) : [];
    if (gone.length > 0) {
      const which = gone.length === 1 ? `row ${gone[0]} of this table is` : `rows ${gone.join(", ")} of this table are`;
      this.#out.missing(this.#header, `${which} not there`);
    } else if (this.#seen.size === 0) this.#out.missing(this.#header, "the table has no rows");
    return { columns: this.#columns, rows: this.#rows };
  }
}

function wholeNumber(text: string): number | undefined {
  return /^\d{1,4}$/.test(text) ? Number(text) : undefined;
}
