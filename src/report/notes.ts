import type { Note } from "../host/machine.ts";

/**
 * The notes of a machine that an answer does not say already, as a gate of its pairs does of parameters that are misread:
 * `shown` is its screen, or its Markdown. A note with a way out is left out only where that stands there too.
 */
export function untoldNotes(notes: readonly Note[], shown: string): readonly Note[] {
  if (notes.length === 0) return notes;
  const told = wordsOf(shown);
  const isTold = (text: string | undefined): boolean => text === undefined || told.includes(wordsOf(text));
  return notes.filter(
    ({ message, remedy, place }) => place !== undefined || !isTold(withoutOption(message)) || !isTold(remedy),
  );
}

/** The sentence of a note about parameters that were asked about, as gates say it. */
function withoutOption(message: string): string {
  return message.replace(/^--append: /, "");
}

/** A text without what a screen or Markdown adds: colours, breaks, blanks, marks. */
function wordsOf(text: string): string {
  return text.replaceAll(COLOURS, "").replaceAll(/[\s\\`*]+/g, "");
}

const COLOURS = new RegExp(`${String.fromCharCode(0x1b)}\\[[\\d;]*m`, "g");
