import { commandLineWords, kernelParameters } from "../../host/command-line.ts";
import type { Machine } from "../../host/machine.ts";
import type { Bdf } from "../../pci/bdf.ts";
import { isUnknown, type Known } from "../../pci/known.ts";
import { isStrayDevice, pciOptions, readEntries } from "../../rules/kernel-parameters.ts";
import { entriesByIds, type ListEntry } from "./by-ids.ts";

/** A kernel parameter to add, and what it comes in the place of. */
export interface ParameterEdit {
  /** What does it, alone: `pci=disable_acs_redir=0000:00:04.0`. */
  readonly sets: string;
  /** What is to stand on the command line, one word or several: with the other options of the words that go. */
  readonly add: string;
  /** Words that stand there now, as they stand there, and have to go first. */
  readonly removes: readonly string[];
  /** The same as `add` by ids instead of addresses, `null` where ids would hit anything else, or may. */
  readonly addByIds: string | null;
  /** The same as `sets` by ids, `null` where `addByIds` is. */
  readonly setsByIds: string | null;
  /** The functions whose ACS it is for: by ids, where it names them so, and the others. */
  readonly ids: readonly string[];
  readonly functions: readonly Bdf[];
}

/**
 * One list of `pci=`, with the entries of the list that the kernel reads now. It reads every `pci=` word, but takes the last
 * list of its kind only, and `grubby --args` puts a word in the place of one of the same name: so one `pci=` word takes the
 * place of all that are there, with their other options. `mayUseIds` is false for functions that are not there yet.
 */
export function editPciList(
  machine: Machine,
  name: "disable_acs_redir" | "config_acs",
  entries: readonly ListEntry[],
  mayUseIds: boolean,
): ParameterEdit {
  const { commandLine } = machine.kernel;
  const present = isUnknown(commandLine) ? [] : readEntries(commandLine, name);
  const removes = wordsOf(commandLine, (name) => name === "pci");
  const others = pciOptions(removes.join(" "))
    .flat()
    .filter((option) => option !== "" && !option.startsWith(`${name}=`) && !isStrayDevice(option));
  const listOf = (texts: readonly string[]): string =>
    `${name}=${[...texts, ...present.filter((entry) => !texts.includes(entry))].join(";")}`;
  const wordOf = (texts: readonly string[]): string => `pci=${[...new Set(others), listOf(texts)].join(",")}`;
  const texts = entries.map(({ text }) => text);
  const kept = isUnknown(commandLine) ? [] : commandLineWords(commandLine).filter((word) => !removes.includes(word));
  const byIds = mayUseIds ? entriesByIds(machine, entries, (some) => [...kept, wordOf(some)].join(" ")) : null;
  return {
    sets: `pci=${listOf(texts)}`,
    add: wordOf(texts),
    removes,
    addByIds: byIds === null ? null : wordOf(byIds.texts),
    setsByIds: byIds === null ? null : `pci=${listOf(byIds.texts)}`,
    ids: byIds?.ids ?? [],
    functions: byIds?.others ?? entries.map(({ device }) => device),
  };
}

/** A word in the place of those that say something else of the same thing. */
export function editWord(
  commandLine: Known<string>,
  word: string,
  isInItsPlace: (name: string) => boolean,
): ParameterEdit {
  return editWords(commandLine, [word], isInItsPlace);
}

/** Several words in the place of those that say something else of the same thing. */
export function editWords(
  commandLine: Known<string>,
  words: readonly string[],
  isInTheirPlace: (name: string) => boolean,
): ParameterEdit {
  const text = words.join(" ");
  const removes = wordsOf(commandLine, (name, word) => !words.includes(word) && isInTheirPlace(name));
  return { sets: text, add: text, removes, addByIds: null, setsByIds: null, ids: [], functions: [] };
}

function wordsOf(commandLine: Known<string>, isMeant: (name: string, text: string) => boolean): readonly string[] {
  return isUnknown(commandLine)
    ? []
    : kernelParameters(commandLine)
        .filter(({ name, text, value }) => value !== null && isMeant(name, text))
        .map(({ word }) => word);
}
