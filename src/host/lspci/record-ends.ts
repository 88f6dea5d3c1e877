import type { Bdf } from "../../pci/bdf.ts";
import { isUnknown } from "../../pci/known.ts";
import { isBridge, type TextFacts } from "./function-table.ts";
import type { Reading } from "./reading.ts";

/** Shorter records are of one length by chance, or written by hand. */
const LEAST_CUT = 10;

/**
 * Tells of which verbose records the last lines may have been cut off, as `head` does for each function or a gap in the
 * middle of a text. The lines of the driver come last, so where a text prints them, those of a function without are
 * missed: a driver binds every port of a kernel, and most other functions have one or a module. Records that are cut to
 * one length are the longest there are; where no driver is printed at all, they also end in different places. And of
 * functions that are alike only some show extended capabilities.
 */
export class RecordEnds {
  readonly #facts: TextFacts;
  readonly #cutAt: number;
  /** Kinds of functions of which one shows extended capabilities. */
  readonly #extendedKinds = new Set<string>();

  constructor(readings: readonly (readonly [Bdf, Reading])[], facts: TextFacts) {
    this.#facts = facts;
    let longest = 0;
    let ends = new Set<number>();
    for (const [, reading] of readings) {
      const { openEnd } = reading;
      const kind = kindOf(reading);
      if (kind !== undefined && showsExtended(reading)) this.#extendedKinds.add(kind);
      if (openEnd === undefined) continue;
      if (openEnd.lineCount > longest) {
        longest = openEnd.lineCount;
        ends = new Set();
      }
      if (openEnd.lineCount === longest) ends.add(openEnd.lastLineStart);
    }
    const isTold = facts.namesDriversOfBridges || facts.namesDriversOfOthers;
    this.#cutAt = (isTold || ends.size > 1) && longest >= LEAST_CUT ? longest : -1;
  }

  /** False where more lines may have followed. */
  isCertain(reading: Reading): boolean {
    const { openEnd } = reading;
    if (openEnd === undefined) return true;
    const { namesDriversOfBridges, namesDriversOfOthers, hasInnerBlanks } = this.#facts;
    if (hasInnerBlanks) return false;
    if (isBridge(reading) ? namesDriversOfBridges : namesDriversOfOthers) return false;
    if (openEnd.lineCount === this.#cutAt) return false;
    if (openEnd.lacksHeaderLog && this.#facts.showsHeaderLog) return false;
    return showsExtended(reading) || !this.#extendedKinds.has(kindOf(reading) ?? "");
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
