/** What tries a sentence: statements of the lab by id, a command to run, or both; else why nothing does. */
export type Trial =
  | { readonly statements: readonly string[]; readonly command?: string }
  | { readonly command: string }
  | { readonly notTried: string };

/** A sentence of a letter, or the part of one that says something. */
export interface LetterSentence {
  readonly who: string;
  /** In its author's words. */
  readonly quote: string;
  readonly trial: Trial;
}

/** One of the five public mails that this project started from. */
export interface Letter {
  /** Its number: `000` to `004`. */
  readonly id: string;
  readonly from: string;
  readonly date: string;
  readonly subject: string;
  readonly link: string;
  readonly sentences: readonly LetterSentence[];
}

/** A sentence that the lab decides: ids of its statements, and a command beside them. */
export function tried(who: string, quote: string, statements: readonly string[], command?: string): LetterSentence {
  return { who, quote, trial: command === undefined ? { statements } : { statements, command } };
}

/** A sentence that a command shows. */
export function shown(who: string, quote: string, command: string): LetterSentence {
  return { who, quote, trial: { command } };
}

/** A sentence that nothing here tries, and why. */
export function untried(who: string, quote: string, notTried: string): LetterSentence {
  return { who, quote, trial: { notTried } };
}
