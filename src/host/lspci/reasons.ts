import { type Unknown, unknown } from "../../pci/known.ts";

/** Why a text does not show a value, each with the way out. One object per reason, so that they can be compared. */
export const notVerbose: Unknown = unknown("lspci without -v does not print it: use sudo lspci -vvvnn");
export const namesOnly: Unknown = unknown("lspci without -nn prints names, not ids: use -nn");
export const registersNeedVv: Unknown = unknown("lspci -v does not print registers: use sudo lspci -vvvnn");
export const acsNeedsVv: Unknown = unknown("lspci -v does not print ACS control: use sudo lspci -vvvnn");
export const accessDenied: Unknown = unknown("lspci ran without root, and the kernel hid the capabilities: use sudo");
export const cutOff: Unknown = unknown(
  "the text ends within this function: paste it whole, up to the blank line behind it",
);
export const unreadable: Unknown = unknown("the text holds no readable value here");
export const deviceGone: Unknown = unknown("the device does not answer (its config space reads ff): gone or asleep");
export const notInText: Unknown = unknown("lspci does not print it");
export const noTree: Unknown = unknown("lspci prints the tree only with -t");
export const sizeNotPrinted: Unknown = unknown("the text shows no size for this BAR");
export const busAddressNotPrinted: Unknown = unknown("lspci prints CPU addresses, not bus addresses: add -xxxx");
export const physAddressNotPrinted: Unknown = unknown("the text comes from registers: it holds bus addresses only");
export const dumpBelow256: Unknown = unknown(
  "the dump holds less than 256 bytes of config space: use sudo lspci -xxxx",
);
export const dumpBelow4096: Unknown = unknown(
  "the dump holds 256 of 4,096 bytes of config space: use sudo lspci -xxxx",
);
export const noCapabilityLine: Unknown = unknown(
  "the text shows no capability of this function, nor that it has none: paste the whole output of sudo lspci -vvvnn",
);
/** The same at `-v`, which prints no status register: absent where other functions of the text show some. */
export const noCapabilityLineOfV: Unknown = unknown(
  "no function of this text shows a capability: paste the whole output of sudo lspci -vvvnn",
);
export const looseAcs: Unknown = unknown(
  "the text holds lines of ACS only, and no tree shows that no function is left out: paste the output of lspci -t too",
);
export const lostLines: Unknown = unknown(
  "lines are missing within this function, and what follows may be another's: paste the whole output of lspci",
);
export const lostFunctions: Unknown = unknown(
  "functions are left out behind this one, and lines of one of them may stand among its own: paste the whole output of lspci",
);
export const openEnd: Unknown = unknown(
  "the text may have been cut behind the last line of this function: paste the whole output of sudo lspci -vvvnn",
);
export const filtered: Unknown = unknown(
  "lines that lspci prints are missing throughout this text, and capabilities may be among them: paste the whole output of sudo lspci -vvvnn",
);
export const glued: Unknown = unknown("the lines of two functions run together here: paste the whole output of lspci");
export const extendedNotSeen: Unknown = unknown(
  "no function of this text shows an extended capability: lspci could not read beyond 256 bytes",
);

/** Markers of a verbose record that printed nothing; what that means depends on the other records of the text. */
export const noNumaLine: Unknown = unknown("the text names no NUMA node: none, or an lspci older than 3.4");
export const noGroupLine: Unknown = unknown("the text names no IOMMU group: no IOMMU, or an lspci older than 3.7");
export const noDriverLine: Unknown = unknown("the text names no driver: use lspci -k");
