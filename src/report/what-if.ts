import { compareMachines } from "../advice/difference/machines.ts";
import { matchRecords } from "../advice/difference/matching.ts";
import { compareVerdicts } from "../advice/difference/verdicts.ts";
import type { Change } from "../advice/what-if/change.ts";
import type { Bdf } from "../pci/bdf.ts";
import type { VerdictTable } from "../rules/verdict-table.ts";
import { changeText } from "./change-text.ts";
import { type DifferenceView, differenceBlocks, differenceJson } from "./difference.ts";
import { type Block, heading, paragraph } from "./document.ts";
import type { FixJson, WhatIfJson } from "./json-types.ts";

/** The part of a JSON output that says what was asked. */
export type AskedJson = Pick<FixJson, "asked">;

/** What a screen needs to mark what a change would change. */
export interface WhatIfView extends DifferenceView {
  readonly changes: readonly Change[];
  /** Functions that differ in themselves, in their place or in their IOMMU group. */
  readonly changedFunctions: ReadonlySet<Bdf>;
}

/** Compares the tables of a machine as it is and as it would be; `undefined` where nothing was asked. */
export function whatIfView(
  changes: readonly Change[],
  before: VerdictTable,
  after: VerdictTable,
): WhatIfView | undefined {
  if (changes.length === 0) return undefined;
  const matching = matchRecords(before.topology, after.topology);
  const difference = compareMachines(before.topology, after.topology, [before.machine, after.machine], matching);
  return {
    changes,
    difference,
    verdicts: compareVerdicts(before, after, matching),
    before: before.topology,
    after: after.topology,
    changedFunctions: new Set([
      ...difference.functions.map(({ bdf }) => bdf),
      ...difference.groups.flatMap((change) => [...change.before, ...change.after].flat()),
    ]),
  };
}

/** What would be different, below the screen that marks it; {@link askedBlocks} above that screen say what was asked. */
export function whatIfBlocks(view: WhatIfView): readonly Block[] {
  return [heading([{ text: "Against the machine as it is", paint: "warn" }]), ...differenceBlocks(view)];
}

/** What was asked, in a line. */
export function askedText(changes: readonly Change[]): string {
  return `What if: ${changes.map(changeText).join(", ")}`;
}

/** What was asked, above an answer that is about the machine as it would be; nothing where nothing was asked. */
export function askedBlocks(changes: readonly Change[]): readonly Block[] {
  return changes.length === 0 ? [] : [paragraph([{ text: askedText(changes), paint: "warn" }])];
}

/** The same for JSON. */
export function askedJson(changes: readonly Change[]): AskedJson {
  return changes.length === 0 ? {} : { asked: changes.map(changeText) };
}

/** The part of a JSON output that says what was asked and what differs. */
export function whatIfJson(view: WhatIfView): WhatIfJson {
  return { changes: view.changes.map(changeText), difference: differenceJson(view) };
}
