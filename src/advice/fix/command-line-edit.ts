import { isUnknown, type Known } from "../../pci/known.ts";
import { commandLineWords, isStrayDevice, readEntries } from "../../rules/kernel-parameters.ts";

/** A kernel parameter to add, and what it comes in the place of. */
export interface ParameterEdit {
  /** What does it, alone: `pci=disable_acs_redir=0000:00:04.0`. */
  readonly sets: string;
  /** What is to stand on the command line: with the other options of the words that go. */
  readonly add: string;
  /** Words that stand there now, as they stand there, and have to go first. */
  readonly removes: readonly string[];
}

/**
 * One list of `pci=`, with the entries of the list that the kernel reads now. It takes the last list of its kind only, and
 * `grubby --args` puts a word in the place of one of the same name: so one `pci=` word takes the place of all that are there,
 * with their other options.
 */
export function editPciList(
  commandLine: Known<string>,
  name: "disable_acs_redir" | "config_acs",
  entries: readonly string[],
): ParameterEdit {
  const present = isUnknown(commandLine) ? [] : readEntries(commandLine, name);
  const list = `${name}=${[...entries, ...present.filter((entry) => !entries.includes(entry))].join(";")}`;
  const removes = wordsOf(commandLine, (word) => word.startsWith("pci="));
  const others = removes
    .flatMap((word) => unquoted(word).slice("pci=".length).split(","))
    .filter((option) => option !== "" && !option.startsWith(`${name}=`) && !isStrayDevice(option));
  return { sets: `pci=${list}`, add: `pci=${[...new Set(others), list].join(",")}`, removes };
}

/** A word in the place of those that say something else of the same thing. */
export function editWord(
  commandLine: Known<string>,
  word: string,
  isInItsPlace: (word: string) => boolean,
): ParameterEdit {
  return editWords(commandLine, [word], isInItsPlace);
}

/** Several words in the place of those that say something else of the same thing. */
export function editWords(
  commandLine: Known<string>,
  words: readonly string[],
  isInTheirPlace: (word: string) => boolean,
): ParameterEdit {
  const text = words.join(" ");
  const removes = wordsOf(commandLine, (other) => !words.includes(other) && isInTheirPlace(other));
  return { sets: text, add: text, removes };
}

function wordsOf(commandLine: Known<string>, isMeant: (word: string) => boolean): readonly string[] {
  return isUnknown(commandLine) ? [] : commandLineWords(commandLine).filter((word) => isMeant(unquoted(word)));
}

function unquoted(word: string): string {
  return word.replaceAll('"', "");
}
