import { commandLineWords, kernelParameter } from "../command-line.ts";
import { isKernelName } from "./kernel-names.ts";
import { PARAMETERS } from "./parameters.ts";

/**
 * The kernel command line without all but the parameters that matter for DMA between devices ({@link PARAMETERS}), and
 * with `…` for what their values do not need; the kernel's parser finds the same in it.
 */
export function keptParameters(commandLine: string): string {
  return commandLineWords(commandLine)
    .map(keptWord)
    .filter((word) => word !== undefined)
    .join(" ");
}

/** How many parameters of a command line {@link keptParameters} leaves out or changes. */
export function countLeftOut(commandLine: string): number {
  return commandLineWords(commandLine).filter((word) => keptWord(word) !== word).length;
}

/** A parameter as it stays, `undefined` where it goes; one that stays as it is keeps its quotes. */
function keptWord(word: string): string | undefined {
  const { text, name, value } = kernelParameter(word);
  const rule = PARAMETERS.get(name);
  if (rule === undefined) return undefined;
  const kept = value === null ? text : text.slice(0, text.length - value.length) + rule(value);
  return kept === text ? word : kept;
}

/** Parameters whose values name this host or others. */
const NAMING_PARAMETERS = /^(?:ip|ds|nfsroot|netroot|[\w.-]*(?:host|iscsi|initiator)[\w.-]*)=/i;
/** Words of those values that name no host. */
const COMMON_WORDS =
  /^(?:on|off|any|all|both|none|auto\d?|dhcp\d?|static|bootp|rarp|ibft|nocloud|net|nfs|iscsi|http|https|tcp|udp|host|hostname|localhost|vers|root|seed|the|and|com|org|local|lan)$/i;

/** The host names that the left out parameters hold, so that they can be found elsewhere. */
export function hostNamesIn(commandLine: string): readonly string[] {
  return commandLineWords(commandLine)
    .map((word) => word.replaceAll('"', ""))
    .filter((word) => NAMING_PARAMETERS.test(word) && !isKept(word))
    .flatMap((word) => word.slice(word.indexOf("=") + 1).split(/[^\p{L}\p{N}.-]+/u))
    .flatMap((word) => [word, word.split(".")[0] ?? ""])
    .filter((word) => word.length >= 3 && /\p{L}/u.test(word) && !COMMON_WORDS.test(word) && !isKernelName(word));
}

function isKept(word: string): boolean {
  return PARAMETERS.has(kernelParameter(word).name);
}
