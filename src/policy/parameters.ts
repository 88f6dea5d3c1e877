import { distance } from "fastest-levenshtein";
import { kernelParameters, parameterName } from "../host/command-line.ts";
import type { Machine } from "../host/machine.ts";
import { keptParameters } from "../host/redaction/command-line.ts";
import { IOMMU_OPTIONS, PARAMETERS } from "../host/redaction/parameters.ts";
import { GONE } from "../host/redaction/scrub.ts";
import { nearest } from "../host/yaml/did-you-mean.ts";
import { shorten } from "../host/yaml/scalars.ts";
import { isUnknown, type Known, unknown } from "../pci/known.ts";
import { isStrayDevice, listEntryKey } from "../rules/kernel-parameters.ts";
import { KNOWN_PCI_OPTIONS } from "../rules/pci-options.ts";
import type { WantedOption, WantedParameter } from "./policy.ts";

/** All that the kernel knows, and what people are told to write though it knows it not. */
const PCI_OPTIONS: readonly string[] = [...KNOWN_PCI_OPTIONS, "noacs"];

/**
 * Parameters by options of theirs that are no parameters themselves, and by what stands alone on a command line and does
 * nothing there. `panic` is both.
 */
const PARAMETERS_OF_OPTION: ReadonlyMap<string, string> = new Map(
  [
    ...PCI_OPTIONS.map((option) => [option, "pci"] as const),
    ...IOMMU_OPTIONS.filter((option) => option !== "panic").map((option) => [option, "iommu"] as const),
  ].map(([option, name]) => [parameterName(option), name]),
);

/** What a parameter may be, for messages. */
export const PARAMETER_EXPECTED =
  "a kernel parameter such as iommu=pt, with 'not' before it where it must not stand there";

/**
 * Reads one item of `parameters:`; a sentence for what is none. A name or an option of `pci=` that is nearly one of those
 * that matter is refused, as is an option without its parameter and an entry of a list that the kernel cannot parse: as
 * one that must not be there it would forbid nothing.
 */
export function parseParameter(text: string): WantedParameter | string {
  const [, not, word = ""] = /^(not\s+)?(.*)$/s.exec(text.trim()) ?? [];
  const message = `'${shorten(word)}' is not understood`;
  if (!/^[\w.-]{1,100}(?:=[^\s"]{1,1000})?$/.test(word)) return `${message}: expected ${PARAMETER_EXPECTED}`;
  const equals = word.indexOf("=");
  const name = parameterName(equals < 0 ? word : word.slice(0, equals));
  const value = equals < 0 ? "" : word.slice(equals);
  const near = slipOf(name, [...PARAMETERS.keys()]);
  const owner = PARAMETERS_OF_OPTION.get(near ?? name);
  if (owner !== undefined) {
    const option = near ?? (equals < 0 ? word : word.slice(0, equals));
    return `${message}: it is an option of ${owner}=; did you mean '${owner}=${shorten(`${option}${value}`)}'?`;
  }
  if (near !== undefined) return `${message}; did you mean '${near}${value}'?`;
  const options = equals < 0 ? [] : word.slice(equals + 1).split(",");
  const wrong = name === "pci" ? options.map(wrongPciOption).find((said) => said !== undefined) : undefined;
  if (wrong !== undefined) return `${message}: ${wrong}`;
  return { text: word, isForbidden: not !== undefined, name, options: options.map((one) => optionOf(name, one)) };
}

/** What is wrong with an option of `pci=`; `undefined` where nothing is known to be. */
function wrongPciOption(option: string): string | undefined {
  const { name, entries } = optionOf("pci", option);
  if (isStrayDevice(option)) return `pci= has no option '${option}'; devices are separated by ';', not ','`;
  const known = PCI_OPTIONS.includes(name) ? undefined : nearest(name, PCI_OPTIONS);
  if (known !== undefined) return `pci= has no option '${option}'; did you mean '${known}'?`;
  const unread = isDeviceList(name) ? entries?.find((entry) => listEntryKey(name, entry) === undefined) : undefined;
  return unread === undefined ? undefined : `the kernel cannot parse '${unread}' in ${name}=`;
}

/** An option of a parameter; only lists of devices have entries that count one by one. */
function optionOf(parameter: string, option: string): WantedOption {
  const equals = option.indexOf("=");
  if (equals < 0) return { name: option, entries: null };
  const [name, value] = [option.slice(0, equals), option.slice(equals + 1)];
  const isList = parameter === "pci" && isDeviceList(name);
  return { name, entries: isList ? value.split(";").filter((entry) => entry !== "") : [value] };
}

function isDeviceList(name: string): name is "disable_acs_redir" | "config_acs" {
  return name === "disable_acs_redir" || name === "config_acs";
}

/** True where an option is what is wanted: that name with any value, or with all of the wanted entries among its own. */
function isOption(wanted: WantedOption, given: WantedOption): boolean {
  if (wanted.name !== given.name) return false;
  const { name, entries } = wanted;
  if (entries === null) return true;
  const keyOf = (entry: string): string => (isDeviceList(name) ? listEntryKey(name, entry) : undefined) ?? entry;
  const present = new Set(given.entries?.map(keyOf));
  return given.entries !== null && entries.every((entry) => present.has(keyOf(entry)));
}

/** The known word that another is a slip of; `undefined` for a known word and for one that is like none. */
function slipOf(word: string, known: readonly string[]): string | undefined {
  if (known.includes(word)) return undefined;
  const most = word.length < 8 ? 1 : 2;
  return known.find((each) => each.length >= 4 && distance(word, each) <= most);
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
  const there = kernelParameters(commandLine).filter((one) => one.name === name);
  const words = there.map(({ text }) => text);
  const given = there.flatMap(({ value }) => value?.split(",") ?? []);
  const givenOptions = given.map((option) => optionOf(name, option));
  const isThere = words.length > 0 && options.every((option) => givenOptions.some((one) => isOption(option, one)));
  if (!isThere && options.length > 0 && given.some((option) => option.includes(GONE))) {
    return unknown(`the source leaves out a part of ${words.join(" ")}`);
  }
  if (!isThere && kernel.moreOnCommandLine !== undefined) return kernel.moreOnCommandLine;
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
