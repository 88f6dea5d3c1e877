/** Forms of an answer that are printed, whatever is meant to take them. */
const FORMS = /^--(?:svg|dot|csv|json|markdown|junit|sarif)$/;
/** Names that files of them have. */
const OUTPUT_FILE = /\.(?:svg|dot|gv|csv|json|md|xml|sarif)$/i;

/**
 * The way out for `tree --svg out.svg`, where a file's name stands behind a form as if it took one: what is printed goes to
 * standard output. `null` where no word is such a name.
 */
export function fileBehindForm(words: readonly string[]): string | null {
  const at = words.findIndex((word, index) => FORMS.test(words[index - 1] ?? "") && OUTPUT_FILE.test(word));
  const [form, file] = [words[at - 1], words[at]];
  if (form === undefined || file === undefined) return null;
  return `${form} takes no file, it prints: write ${form} > ${file}`;
}
