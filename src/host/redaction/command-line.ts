import { isKernelName } from "./kernel-names.ts";
import { PARAMETERS } from "./parameters.ts";

/** The text that makes `parsePciParameters` say that the parameter stands alone; it looks at the whole line. */
const MISPLACED = /(?:^|\s)disable_acs_redir=/;

/**
 * The kernel command line without all but the parameters that matter for DMA between devices ({@link PARAMETERS}), and
 * with `…` for what their values do not need; the kernel's parser finds the same in it.
 */
export function keptParameters(commandLine: string): string {
  const kept = wordsOf(commandLine)
    .map(keptWord)
    .filter((word) => word !== undefined)
    .join(" ");
  // It stood inside of a parameter that is left out.
  const isLost = MISPLACED.test(commandLine) && !MISPLACED.test(kept);
  return isLost ? `${kept} disable_acs_redir=`.trimStart() : kept;
}

/** How many parameters of a command line {@link keptParameters} leaves out or changes. */
export function countLeftOut(commandLine: string): number {
  return wordsOf(commandLine).filter((word) => keptWord(word) !== word).length;
}

/** A parameter as it stays, `undefined` where it goes; one that stays as it is keeps its quotes. */
function keptWord(word: string): string | undefined {
  const plain = word.replaceAll('"', "");
  const equals = plain.indexOf("=");
  const rule = PARAMETERS.get(nameOf(plain));
  if (rule === undefined) return undefined;
  const kept = equals < 0 ? plain : plain.slice(0, equals + 1) + rule(plain.slice(equals + 1));
  return kept === plain ? word : kept;
}

/** The name of a parameter, with underscores. */
function nameOf(word: string): string {
  const equals = word.indexOf("=");
  return (equals < 0 ? word : word.slice(0, equals)).replaceAll("-", "_");
}

/** Parameters whose values name this host or others. */
const NAMING_PARAMETERS = /^(?:ip|ds|nfsroot|netroot|[\w.-]*(?:host|iscsi|initiator)[\w.-]*)=/i;
/** Words of those values that name no host. */
const COMMON_WORDS =
  /^(?:on|off|any|all|both|none|auto\d?|dhcp\d?|static|bootp|rarp|ibft|nocloud|net|nfs|iscsi|http|https|tcp|udp|host|hostname|localhost|vers|root|seed|the|and|com|org|local|lan)$/i;

/** The host names that the left out parameters hold, so that they can be found elsewhere. */
export function hostNamesIn(commandLine: string): readonly string[] {
  return wordsOf(commandLine)
    .map((word) => word.replaceAll('"', ""))
    .filter((word) => NAMING_PARAMETERS.test(word) && !isKept(word))
    .flatMap((word) => word.slice(word.indexOf("=") + 1).split(/[^\p{L}\p{N}.-]+/u))
    .flatMap((word) => [word, word.split(".")[0] ?? ""])
    .filter((word) => word.length >= 3 && /\p{L}/u.test(word) && !COMMON_WORDS.test(word) && !isKernelName(word));
}

/** Splits at blanks outside of double quotes, as the kernel does; quotes stay. */
function wordsOf(commandLine: string): readonly string[] {
  const words: readonly string[] = commandLine.match(/(?:[^\s"]|"[^"]*"?)+/g) ?? [];
  const end = words.indexOf("--");
  return end < 0 ? words : words.slice(0, end);
}

function isKept(word: string): boolean {
  return PARAMETERS.has(nameOf(word.replaceAll('"', "")));
}
