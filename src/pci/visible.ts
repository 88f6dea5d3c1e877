/**
 * What moves a cursor, hides or reorders text, or cannot be seen (UAX #44): controls (C0, DEL, C1), format characters
 * (bidirectional ones, zero-width ones, tags), line and paragraph separators, lone surrogates, and what Unicode leaves to
 * be drawn as nothing (fillers, variation selectors, noncharacters).
 */
const UNSEEN = String.raw`[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}]`;
let unseen: RegExp | undefined;
let every: RegExp | undefined;

/** Finds each character that {@link visible} shows. Made when a text asks for it: Unicode's sets take a while to collect. */
export function everyUnseen(): RegExp {
  every ??= new RegExp(UNSEEN, "gu");
  return every;
}

/** Most texts: printable ASCII, which is quicker to see. */
const plain = /^[ -~]*$/;

const NAMED: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** Whether a text holds something that {@link visible} would show. */
export function hasUnseen(text: string): boolean {
  if (plain.test(text)) return false;
  unseen ??= new RegExp(UNSEEN, "u");
  return unseen.test(text);
}

/**
 * A value as it may stand on a screen or in a document: everything that could forge a line, a colour or an order, or hide
 * itself, is written as in source text (`\n`, `\x1b`, `\u202e`, `\u{e0041}`). All of it is one line then. Other characters
 * stay, backslashes too: the result made visible again is itself.
 */
export function visible(text: string): string {
  if (plain.test(text)) return text;
  return text.replaceAll(everyUnseen(), (character) => NAMED[character] ?? escapeOf(character.codePointAt(0) ?? 0));
}

function escapeOf(codePoint: number): string {
  const hex = codePoint.toString(16);
  if (codePoint < 0x100) return `\\x${hex.padStart(2, "0")}`;
  return codePoint < 0x10000 ? `\\u${hex.padStart(4, "0")}` : `\\u{${hex}}`;
}

declare const printable: unique symbol;

/**
 * Text that may be printed or written as it is: every value in it has been made visible, or escaped as its format does it.
 * Only the writers of formats make it (test/cli/door.test.ts lists them), and the command line prints nothing else.
 */
export type Printable = string & { readonly [printable]: true };

/**
 * JSON text of a value, the same value as JSON.stringify's, in which what {@link visible} would show is an escape
 * (ECMA-404 sec 9): a terminal that prints it obeys nothing in it.
 */
export function jsonText(value: unknown, indent?: number): Printable {
  return withEscapes(JSON.stringify(value, null, indent));
}

/** {@link jsonText} of an object with an indent of 1, and each item of the lists that `rows` names on a line of its own. */
export function jsonRows(value: object, rows: readonly string[]): Printable {
  const entries = Object.entries(value).flatMap(([key, part]: [string, unknown]): readonly string[] => {
    if (part === undefined) return [];
    const isRows = rows.includes(key) && Array.isArray(part) && part.length > 0;
    const text = isRows
      ? `[\n${part.map((item) => `  ${JSON.stringify(item)}`).join(",\n")}\n ]`
      : JSON.stringify(part, null, 1).replaceAll("\n", "\n ");
    return [` ${JSON.stringify(key)}: ${text}`];
  });
  return withEscapes(`{\n${entries.join(",\n")}\n}`);
}

function withEscapes(text: string): Printable {
  const escaped = text.replaceAll(everyUnseen(), (character) =>
    // Between the values there are line ends and nothing else; within them, JSON has escaped those itself.
    character === "\n" ? character : unitsOf(character),
  );
  return escaped as Printable;
}

function unitsOf(character: string): string {
  return character
    .split("")
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .join("");
}
