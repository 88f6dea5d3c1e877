import { type Line, word } from "./line.ts";

const SMALL_A = 0x61;
const SMALL_Z = 0x7a;
const BACKSLASH = 0x5c;
const BAR = 0x7c;
const BEYOND_ASCII = 0x80;

/** What a longer line of words can begin with; no one writes longer ones in the place of what he leaves out. */
const MAX_GAP_BYTES = 100;

/** Lines that say that something was left out: of `grep -A`, and of people; and the end of a fence. */
const beginnings = ["--", "...", "```", "~~~"].map(word);
const onlyMarks = /^[^\p{L}\p{N}]+$/u;
const words =
  /^[^\p{L}\p{N}]*(?:(?:output|lines?|text|rest|and|\d+|more)\s+)*(?:snip\w*|truncated|cut|omitted|removed|skipped|trimmed|elided|shortened)\b/iu;

/** True for a line that stands for others, which `lspci` cannot print: `--`, `...`, `[...]`, `…`, `(truncated)`. */
export function isGapLine(line: Line): boolean {
  const first = line.byte(line.start);
  // Lines of lspci begin with a capital, the drawings of a tree with a bar or a backslash.
  const isMark = !isAsciiLetterOrDigit(first) && first !== BAR && first !== BACKSLASH;
  if (!isMark && !(first >= SMALL_A && first <= SMALL_Z)) return false;
  if (beginnings.some((gap) => line.has(gap))) return true;
  if (line.end - line.start > MAX_GAP_BYTES) return false;
  const text = line.text();
  // What lspci prints behind a capability that it does not decode, where a mailer broke the line.
  if (text === "<?>") return false;
  return (isMark && onlyMarks.test(text)) || words.test(text);
}

function isAsciiLetterOrDigit(byte: number): boolean {
  return byte < BEYOND_ASCII && /[0-9a-z]/i.test(String.fromCharCode(byte));
}
