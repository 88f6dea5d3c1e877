import type { Bdf } from "../../pci/bdf.ts";
import { isUnknown, type Unknown } from "../../pci/known.ts";
import { isBridge, type TextFacts } from "./function-table.ts";
import { isFiltered } from "./line-order.ts";
import type { OpenEnd, Reading } from "./reading.ts";
import * as why from "./reasons.ts";

/** Shorter records are of one length by chance, or written by hand. */
const LEAST_CUT = 10;

/**
 * Tells of which verbose records the last lines may have been cut off, as `head` does for each function or a gap in the
 * middle of a text. The lines of the driver come last, so where a text prints them, those of a function without are
 * missed: a driver binds every port of a kernel, and most other functions have one or a module. Records that are cut to
 * one length are the longest there are; where no driver is printed at all, they also end in different places. Those of a
 * text that was cut after a mailer had wrapped it are of one length with the rests of lines, and some of them are cut within a
 * group of lines. Of functions that are alike only some show extended capabilities. And where lines that `lspci` prints
 * together are never together, a filter went over all of them.
 */
export class RecordEnds {
  readonly #facts: TextFacts;
  readonly #cutAt: number;
  readonly #brokenAt: number;
  readonly #isFiltered: boolean;
  /** Kinds of functions of which one shows extended capabilities. */
  readonly #extendedKinds = new Set<string>();

  constructor(readings: readonly (readonly [Bdf, Reading])[], facts: TextFacts) {
    this.#facts = facts;
    const printed = new Longest();
    const wrapped = new Longest();
    for (const [, reading] of readings) {
      const { openEnd } = reading;
      const kind = kindOf(reading);
      if (kind !== undefined && showsExtended(reading)) this.#extendedKinds.add(kind);
      if (openEnd?.isOpen !== true) continue;
      printed.add(openEnd.printedLines, openEnd.lastLineStart);
      wrapped.add(openEnd.lineCount, this.isMissingLines(reading) ? 1 : 0);
    }
    const isTold = facts.namesDriversOfBridges || facts.namesDriversOfOthers;
    this.#cutAt = isTold || printed.values.size > 1 ? printed.length : -1;
    this.#isFiltered = isFiltered(
      facts.linesSeen,
      readings.filter(([, { express }]) => !isUnknown(express) && express !== null).length,
    );
    this.#brokenAt = wrapped.values.has(1) ? wrapped.length : -1;
  }

  /** True where lines are missing that other records have. */
  isMissingLines({ openEnd }: Reading): boolean {
    return openEnd?.missing.some((lines) => lines.some((text) => this.#facts.linesSeen.has(text))) === true;
  }

  /** Why more lines may have followed, or stood between these; `undefined` where none can. */
  whyNotCertain(reading: Reading): Unknown | undefined {
    const { openEnd } = reading;
    if (openEnd === undefined) return undefined;
    if (this.#isFiltered) return why.filtered;
    return openEnd.isOpen && this.#mayGoOn(reading, openEnd) ? why.openEnd : undefined;
  }

  #mayGoOn(reading: Reading, { printedLines, lineCount }: OpenEnd): boolean {
    const { namesDriversOfBridges, namesDriversOfOthers, hasInnerBlanks } = this.#facts;
    if (hasInnerBlanks) return true;
    if (isBridge(reading) ? namesDriversOfBridges : namesDriversOfOthers) return true;
    if (printedLines === this.#cutAt || lineCount === this.#brokenAt) return true;
    return !showsExtended(reading) && this.#extendedKinds.has(kindOf(reading) ?? "");
  }
}

/** The greatest of some numbers, from {@link LEAST_CUT} on, and what came with it. */
class Longest {
  length = -1;
  values: Set<number> = new Set();

  add(length: number, value: number): void {
    if (length < Math.max(LEAST_CUT, this.length)) return;
    if (length > this.length) this.values = new Set();
    this.length = length;
    this.values.add(value);
  }
}

function showsExtended({ capabilities }: Reading): boolean {
  return !isUnknown(capabilities) && capabilities.at(-1)?.space === "extended";
}

/** Functions alike: of the same ids, class and port type. */
function kindOf({ vendorId, deviceId, classKind, express, label }: Reading): string | undefined {
  const type = isUnknown(express) || express === null ? "" : JSON.stringify(express.type);
  const name = isUnknown(vendorId) || isUnknown(deviceId) ? label : `${vendorId}:${deviceId}`;
  return name === null || isUnknown(classKind) ? undefined : `${name} ${classKind} ${type}`;
}
