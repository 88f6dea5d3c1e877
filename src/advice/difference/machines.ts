import type { Machine } from "../../host/machine.ts";
import { isScenario } from "../../host/machine.ts";
import type { Bdf } from "../../pci/bdf.ts";
import { deviceKind, KINDS_OF_INTEREST } from "../../pci/device-kind.ts";
import type { PciFunction } from "../../pci/function.ts";
import type { Topology } from "../../pci/topology.ts";
import { type FunctionChange, functionChanges } from "./function-facts.ts";
import { compareGroups, type GroupChange } from "./groups.ts";
import { type FactChange, factChanges } from "./machine-facts.ts";
import { matchDevices } from "./match-devices.ts";
import { type Matching, NO_MATCH } from "./matching.ts";
import { type Moves, movesOf } from "./moves.ts";

/** How one machine differs from another. Functions are named by their addresses after, those that are gone by the ones before. */
export interface MachineDifference extends Moves {
  readonly facts: readonly FactChange[];
  readonly added: readonly Bdf[];
  readonly removed: readonly Bdf[];
  readonly functions: readonly FunctionChange[];
  readonly groups: readonly GroupChange[];
}

/**
 * Compares two machines function by function. What one of the two hides is no difference: a source that shows less is not
 * another machine. Which functions are the same is by place and ids, unless a {@link Matching} says otherwise: that of one
 * machine before and after a change is by address.
 */
export function compareMachines(
  before: Topology,
  after: Topology,
  machines: readonly [Machine, Machine],
  matching: Matching = matchDevices(before, after),
): MachineDifference {
  const [old, now] = machines;
  const moves = movesOf(matching);
  const replaced = new Set(moves.replaced.map((pair) => pair.before));
  const replacing = new Set(moves.replaced.map((pair) => pair.after));
  const functions: FunctionChange[] = [];
  const added: Bdf[] = [];
  const groupTypes = [old.iommu.groupTypes, now.iommu.groupTypes] as const;
  const context = { groupTypes, isLaidOut: machines.some(isScenario) };
  matching.earlier.forEach((earlier, index) => {
    const { bdf } = after.functionAt(index);
    if (earlier !== NO_MATCH) functions.push(...functionChanges(matching, earlier, index, context));
    else if (!replacing.has(bdf) && isListed(old, after.functionAt(index))) added.push(bdf);
  });
  return {
    facts: factChanges(old, now, matching),
    added,
    removed: before.functions
      .filter((fn, index) => matching.later[index] === NO_MATCH && !replaced.has(fn.bdf) && isListed(now, fn))
      .map(({ bdf }) => bdf),
    ...moves,
    functions,
    groups: compareGroups(old, now, matching),
  };
}

/** Whether a machine's source would list a function: some leave out all but devices of interest. */
function isListed({ functionsMayBeMissing }: Machine, fn: PciFunction): boolean {
  return functionsMayBeMissing === undefined || KINDS_OF_INTEREST.includes(deviceKind(fn));
}
