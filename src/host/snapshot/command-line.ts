import { isKernelName } from "./kernel-names.ts";

/**
 * Parameters that decide how devices reach each other, or that an engineer asks for when they do not. Everything else is
 * left out, whatever it is: a list of what is secret would always miss something.
 */
const KEPT_PARAMETERS =
  /^(?:pci|pcie_[a-z_]+|iommu|intel_iommu|amd_iommu|intremap|swiotlb|mem_encrypt|disable_acs_redir|config_acs|(?:iommu|arm[-_]smmu[a-z0-9_-]*|pcie_[a-z]+|pciehp|vfio[a-z0-9_-]*)\.[\w-]+)(?:=|$)/;

/** The text that makes `parsePciParameters` say that the parameter stands alone; it looks at the whole line. */
const MISPLACED = /(?:^|\s)disable_acs_redir=/;

/** The kernel command line without all but {@link KEPT_PARAMETERS}; the kernel's parser finds the same in it. */
export function keptParameters(commandLine: string): string {
  const kept = wordsOf(commandLine).filter(isKept).join(" ");
  // It stood inside of a parameter that is left out.
  const isLost = MISPLACED.test(commandLine) && !MISPLACED.test(kept);
  return isLost ? `${kept} disable_acs_redir=`.trimStart() : kept;
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
  return commandLine.match(/(?:[^\s"]|"[^"]*"?)+/g) ?? [];
}

function isKept(word: string): boolean {
  return KEPT_PARAMETERS.test(word.replaceAll('"', ""));
}
