import fastStringWidth from "fast-string-width";
import { type Part, partsOf, plainText, type Rich, type Span } from "./rich.ts";

const plain = /^[ -~]*$/;

/** Most texts are printable ASCII, a column for each character. */
function stringWidth(text: string): number {
  return plain.test(text) ? text.length : fastStringWidth(text);
}

/** Columns that a text takes on a terminal, as it is printed: what is made visible takes the room of its escape. */
export function textWidth(text: Rich): number {
  return stringWidth(plainText(text));
}

/** The text, cut to `width` columns with `…` at its end where it is wider. */
export function truncate(text: string, width: number): string;
export function truncate(text: Rich, width: number): Rich;
export function truncate(text: Rich, width: number): Rich {
  const whole = plainText(text);
  if (stringWidth(whole) <= width) return text;
  let kept = 0;
  let room = width - 1;
  for (const character of whole) {
    room -= stringWidth(character);
    if (room < 0) break;
    kept += character.length;
  }
  if (typeof text === "string") return `${whole.slice(0, kept)}…`;
  return [...partsOf(text, [[0, kept]]).flat(), "…"];
}

/** What a page of an issue tracker shows without a scroll bar. */
export const PAGE_COLUMNS = 110;

/**
 * The text in lines of at most `width` columns, the first one of `first`, broken between words; a longer word is broken as
 * well. A line that has to be copied whole does not belong here.
 */
export function wrap(text: Rich, width: number, first: number = width): readonly (readonly Span[])[] {
  const whole = plainText(text);
  const lines: Part[] = [];
  let line: { readonly start: number; end: number; columns: number } | undefined;
  for (const [start, end] of wordsOf(whole, width)) {
    const columns = stringWidth(whole.slice(start, end));
    const more = line === undefined ? 0 : start - line.end + columns;
    // A part of a broken word stays behind no other word.
    const isWordStart = start === 0 || whole[start - 1] === " ";
    const room = lines.length === 0 ? first : width;
    if (line !== undefined && isWordStart && line.columns + more <= room) {
      line.end = end;
      line.columns += more;
      continue;
    }
    if (line !== undefined) lines.push([line.start, line.end]);
    line = { start, end, columns };
  }
  if (line !== undefined) lines.push([line.start, line.end]);
  return lines.length === 0 ? [[]] : partsOf(text, lines);
}

/** Words between blanks, those that are too wide in parts that are not. */
function* wordsOf(text: string, width: number): Generator<Part> {
  for (const { 0: word, index } of text.matchAll(/[^ ]+/g)) {
    if (stringWidth(word) <= width) {
      yield [index, index + word.length];
      continue;
    }
    let start = 0;
    let end = 0;
    let columns = 0;
    for (const character of word) {
      const more = stringWidth(character);
      if (end > start && columns + more > width) {
        yield [index + start, index + end];
        start = end;
        columns = 0;
      }
      end += character.length;
      columns += more;
    }
    yield [index + start, index + end];
  }
}
