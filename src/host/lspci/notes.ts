import type { PciFunction } from "../../pci/function.ts";
import type { Unknown } from "../../pci/known.ts";
import type { Note } from "../machine.ts";
import type { TextFacts } from "./function-table.ts";
import * as why from "./reasons.ts";
import type { TreeReader } from "./tree.ts";

/** How {@link unknownIdsText} begins. */
export const UNKNOWN_IDS = "vendor and device ids are unknown for";

/** What a text hides that gives names in place of ids, for `count` of `total` functions. */
export function unknownIdsText(count: number, total: number): string {
  return `${UNKNOWN_IDS} ${count} of ${total} functions: lspci without -nn prints names`;
}

/** Why ACS may be hidden, what that means for `count` functions (`3 of 12`), and the way out. */
const hiddenAcs: readonly (readonly [
  reasons: readonly Unknown[],
  message: (count: string) => string,
  remedy: string,
])[] = [
  [
    [why.accessDenied],
    (count) =>
      `capabilities are hidden for ${count} functions: lspci ran without root, so ACS and PCIe port types are unknown`,
    "run sudo lspci -vvvnn, or sudo lspci -xxxx",
  ],
  [
    [why.notVerbose, why.acsNeedsVv],
    (count) => `lspci was run without -vv: ACS is unknown for ${count} functions`,
    "run sudo lspci -vvvnn",
  ],
  [
    [why.dumpBelow256, why.dumpBelow4096],
    (count) => `the hex dump holds too few bytes: ACS is unknown for ${count} functions`,
    "run sudo lspci -xxxx",
  ],
  [
    [why.extendedNotSeen],
    (count) => `no function shows an extended capability: ACS is unknown for ${count} functions`,
    "run lspci as root on the machine itself, not on a dump of 256 bytes",
  ],
];

/** What has to be said once of a text: what it hides and how to get it. */
export function generalNotes(file: string, facts: TextFacts, functions: readonly PciFunction[]): Note[] {
  const notes: Note[] = [];
  const count = (test: (fn: PciFunction) => boolean): number => functions.filter(test).length;
  const of = (number: number): string => `${number} of ${functions.length}`;
  for (const [reasons, message, remedy] of hiddenAcs) {
    const hidden = count(({ acs }) => reasons.some((reason) => reason === acs));
    if (hidden > 0) notes.push({ severity: "warning", message: message(of(hidden)), remedy });
  }
  const nameless = count(({ vendorId }) => vendorId === why.namesOnly);
  if (nameless > 0) {
    const message = unknownIdsText(nameless, functions.length);
    notes.push({ severity: "warning", message, remedy: "add -nn" });
  }
  if (functions.some(({ capabilities, driver }) => capabilities === why.cutOff || driver === why.cutOff)) {
    notes.push({
      severity: "warning",
      message: "the text ends within a function, or with no blank line behind it: what it does not show is unknown",
      remedy: "paste the whole output of lspci",
      place: { file, line: facts.lastCutLine },
    });
  }
  if (facts.guessedBarsLine > 0) {
    notes.push({
      severity: "info",
      message: "lspci -v does not number BARs: the numbers shown are the lowest possible",
      remedy: "run sudo lspci -vvvnn",
      place: { file, line: facts.guessedBarsLine },
    });
  }
  return notes;
}

/** That a tree begins at a root bus which is not its first. */
export function treeNotes(file: string, { middleLine }: TreeReader): Note[] {
  if (middleLine === undefined) return [];
  const message =
    "the tree begins in the middle: the root buses before this one, and what is on them, are not in the text";
  return [
    { severity: "warning", message, remedy: "paste the whole output of lspci -tv", place: { file, line: middleLine } },
  ];
}
