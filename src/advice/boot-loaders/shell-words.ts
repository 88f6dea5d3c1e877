/**
 * A parameter that shell, `sed` and boot loaders take as it stands. Others come from a source that holds what no parameter
 * needs, or left something out (`…`): no command is made of them, as somebody would run it as root.
 */
export function isPlain(word: string): boolean {
  return /^[\w.,:;@/=+-]+$/.test(word);
}

/** A word for `sed -E`, in which nothing is special. */
export function asPattern(word: string): string {
  return word.replace(/[.+]/g, "\\$&");
}

/** `;` ends a command in GRUB's own scripts, and boot entries that it reads are scripts to it: there such a word is quoted. */
export function quotedForGrub(word: string): string {
  return word.includes(";") ? `"${word}"` : word;
}
