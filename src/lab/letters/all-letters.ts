import type { Letter } from "./letter.ts";
import { LETTERS_2017 } from "./letters-2017.ts";
import { LETTERS_LATER } from "./letters-later.ts";

/** The five letters, by number. */
export const LETTERS: readonly Letter[] = [...LETTERS_2017, ...LETTERS_LATER].toSorted((a, b) =>
  a.id.localeCompare(b.id),
);
