import { distance } from "fastest-levenshtein";
import type { Machine } from "../host/machine.ts";
import { keptParameters } from "../host/redaction/command-line.ts";
import { PARAMETERS } from "../host/redaction/parameters.ts";
import { GONE } from "../host/redaction/scrub.ts";
import { nearest } from "../host/yaml/did-you-mean.ts";
import { shorten } from "../host/yaml/scalars.ts";
import { isUnknown, type Known, unknown } from "../pci/known.ts";
import { commandLineWords } from "../rules/kernel-parameters.ts";
import { KNOWN_PCI_OPTIONS } from "../rules/pci-options.ts";
import type { WantedParameter } from "./policy.ts";

/** All that the kernel knows, and what people are told to write though it knows it not. */
const PCI_OPTIONS: readonly string[] = [...KNOWN_PCI_OPTIONS, "noacs"];

/** What a parameter may be, for messages. */
export const PARAMETER_EXPECTED =
  "a kernel parameter such as iommu=pt, with 'not' before it where it must not stand there";

/**
 * Reads one item of `parameters:`; a sentence for what is none. A name or an option of `pci=` that is nearly one of those
 * that matter is refused: as one that must not be there it would forbid nothing.
 */
export function parseParameter(text: string): WantedParameter | string {
  const [, not, word = ""] = /^(not\s+)?(.*)$/s.exec(text.trim()) ?? [];
  const message = `'${shorten(word)}' is not understood`;
  if (!/^[\w.-]{1,100}(?:=[^\s"]{1,1000})?$/.test(word)) return `${message}: expected ${PARAMETER_EXPECTED}`;
  const equals = word.indexOf("=");
  const name = nameOf(equals < 0 ? word : word.slice(0, equals));
  const options = equals < 0 ? [] : word.slice(equals + 1).split(",");
  const near = slipOf(name, [...PARAMETERS.keys()]);
  if (near !== undefined) return `${message}; did you mean '${near}${equals < 0 ? "" : word.slice(equals)}'?`;
  for (const option of name === "pci" ? options : []) {
    const own = option.split("=")[0] ?? "";
    const known = PCI_OPTIONS.includes(own) ? undefined : nearest(own, PCI_OPTIONS);
    if (known !== undefined) return `${message}: pci= has no option '${option}'; did you mean '${known}'?`;
  }
  return { text: word, isForbidden: not !== undefined, name, options };
}

/** The known word that another is a slip of; `undefined` for a known word and for one that is like none. */
function slipOf(word: string, known: readonly string[]): string | undefined {
  if (known.includes(word)) return undefined;
  const most = word.length < 8 ? 1 : 2;
  return known.find((each) => each.length >= 4 && distance(word, each) <= most);
}

function nameOf(name: string): string {
  return name.replaceAll("-", "_");
}

/** What stands on a command line of a parameter: that it is as wanted, and what to say of it. */
export interface FoundParameter {
  readonly isAsWanted: boolean;
  readonly found: string;
}

/** Holds a parameter against the command line; unknown where the source leaves out what decides. */
export function findParameter({ kernel, source }: Machine, wanted: WantedParameter): Known<FoundParameter> {
  const { commandLine } = kernel;
  if (isUnknown(commandLine)) return unknown(commandLine.unknown);
  const { name, options, isForbidden } = wanted;
  const isPartial = source.format === "snapshot" || source.format === "collected";
  if (isPartial && !PARAMETERS.has(name)) {
    return unknown(`the source keeps only parameters that matter for DMA between devices, and ${name} is none of them`);
  }
  const words = commandLineWords(commandLine)
    .map((word) => word.replaceAll('"', ""))
    .filter((word) => nameOf(word.split("=")[0] ?? "") === name);
  const given = words.flatMap((word) => (word.includes("=") ? word.slice(word.indexOf("=") + 1).split(",") : []));
  const isThere = words.length > 0 && options.every((option) => given.includes(option));
  if (!isThere && options.length > 0 && given.some((option) => option.includes(GONE))) {
    return unknown(`the source leaves out a part of ${words.join(" ")}`);
  }
  const found =
    words.length === 0 ? "it is not on the command line" : `the command line has ${shownWords(name, words)}`;
  return { isAsWanted: isThere !== isForbidden, found };
}

/** What stands there, but for values that may name a host or somebody. */
function shownWords(name: string, words: readonly string[]): string {
  return PARAMETERS.has(name)
    ? keptParameters(words.join(" "))
    : words.map((word) => word.replace(/=.*/, `=${GONE}`)).join(" ");
}
