import type { Machine } from "../../host/machine.ts";
import { topologyOf } from "../../host/machine.ts";
import type { Bdf } from "../../pci/bdf.ts";
import type { PciFunction } from "../../pci/function.ts";
import { isUnknown, type Known } from "../../pci/known.ts";
import { isEndpoint } from "../../pci/peer-roles.ts";
import { withFormedGroups } from "../../rules/boot-acs.ts";
import { expectedIommuGroups } from "../../rules/iommu-groups.ts";
import { type ClassPair, classKeyOf } from "./pair-classes.ts";

/** Pairs of functions that two guests could have had before a change, and not after it. */
export interface IsolationLoss {
  readonly pairs: number;
  /** The pairs by the classes of the two, most pairs first. */
  readonly classes: readonly ClassPair[];
  /**
   * False where the kernel's groups do not show it: registers that were written at run time take the isolation away, and
   * groups stay as they were formed at boot.
   */
  readonly isShown: boolean;
}

/**
 * What isolation a change takes away, by the groups that the kernel forms before and after it; of registers written at run
 * time by those that it would form. None where no IOMMU is in use before. Unknown where what decides groups is hidden.
 */
export function isolationLost(before: Machine, after: Machine, isShown: boolean): Known<IsolationLoss> {
  const groupsOf = (machine: Machine): Known<ReadonlyMap<Bdf, number>> =>
    isShown ? groupsAsTheyAre(withFormedGroups(machine)) : expectedIommuGroups(machine, topologyOf(machine));
  const old = groupsOf(before);
  if (isUnknown(old)) return old;
  const now = groupsOf(after);
  if (isUnknown(now)) return now;
  const classes = new Map<string, { first: Bdf; second: Bdf; pairs: number }>();
  for (const members of byGroup(before.functions, now)) countJoined(members, old, classes);
  const list = [...classes.values()].sort((a, b) => b.pairs - a.pairs);
  return { pairs: list.reduce((sum, { pairs }) => sum + pairs, 0), classes: list, isShown };
}

function groupsAsTheyAre({ functions }: Machine): Known<ReadonlyMap<Bdf, number>> {
  const groups = new Map<Bdf, number>();
  for (const { bdf, iommuGroup } of functions) {
    if (isUnknown(iommuGroup)) return iommuGroup;
    if (iommuGroup !== null) groups.set(bdf, iommuGroup);
  }
  return groups;
}

/** The endpoints of each group: no guest is given a bridge. */
function byGroup(
  functions: readonly PciFunction[],
  groups: ReadonlyMap<Bdf, number>,
): Iterable<readonly PciFunction[]> {
  const members = new Map<number, PciFunction[]>();
  for (const fn of functions) {
    const group = groups.get(fn.bdf);
    if (group === undefined || isEndpoint(fn) !== true) continue;
    const list = members.get(group);
    if (list === undefined) members.set(group, [fn]);
    else list.push(fn);
  }
  return members.values();
}

/** Members of one group after the change, of the same class and the same group before it. */
interface Cell {
  readonly key: string;
  readonly group: number;
  readonly first: Bdf;
  count: number;
}

/** Adds the pairs of one group that were in two before. Members that had no group before were apart from nobody. */
function countJoined(
  members: readonly PciFunction[],
  old: ReadonlyMap<Bdf, number>,
  classes: Map<string, { first: Bdf; second: Bdf; pairs: number }>,
): void {
  const cells = new Map<string, Cell>();
  for (const fn of members) {
    const group = old.get(fn.bdf);
    if (group === undefined) continue;
    const key = classKeyOf(fn);
    const cell = cells.get(`${key} ${group}`);
    if (cell === undefined) cells.set(`${key} ${group}`, { key, group, first: fn.bdf, count: 1 });
    else cell.count++;
  }
  const list = [...cells.values()];
  list.forEach((one, index) => {
    for (const other of list.slice(index + 1)) {
      if (one.group === other.group) continue;
      const [a, b] = one.key <= other.key ? [one, other] : [other, one];
      const known = classes.get(`${a.key} ${b.key}`);
      const pairs = one.count * other.count;
      if (known === undefined) classes.set(`${a.key} ${b.key}`, { first: a.first, second: b.first, pairs });
      else known.pairs += pairs;
    }
  });
}
