import stringWidth from "fast-string-width";
import { wrapAnsi } from "fast-wrap-ansi";

/** Columns that a text takes on a terminal; escape sequences take none. */
export function textWidth(text: string): number {
  return stringWidth(text);
}

const RESET = "\u001b[0m";
/** An escape sequence of colour, or one character. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character is what this looks for
const pieces = /\u001b\[[0-9;]*m|[\s\S]/gu;

/** The text, cut to `width` columns with `…` at its end where it is wider; colours do not run on behind the cut. */
export function truncate(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  let kept = "";
  let room = width - 1;
  for (const [piece] of text.matchAll(pieces)) {
    room -= piece.startsWith("\u001b") ? 0 : textWidth(piece);
    if (room < 0) break;
    kept += piece;
  }
  return `${kept}…${text.includes("\u001b") ? RESET : ""}`;
}

/** The text in lines of at most `width` columns, broken between words. */
export function wrap(text: string, width: number): string[] {
  return wrapAnsi(text, width).split("\n");
}
