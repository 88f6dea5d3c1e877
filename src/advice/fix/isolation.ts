import type { Machine } from "../../host/machine.ts";
import { topologyOf } from "../../host/machine.ts";
import type { Bdf } from "../../pci/bdf.ts";
import { isUnknown, type Known, type Unknown } from "../../pci/known.ts";
import { PeerRoutes } from "../../routes/peer-routes.ts";
import { withFormedGroups } from "../../rules/boot-acs.ts";
import { expectedIommuGroups } from "../../rules/iommu-groups.ts";
import type { VerdictTable } from "../../rules/verdict-table.ts";
import { type ClassPair, classKeyOf } from "./pair-classes.ts";

/**
 * Pairs of functions that two guests could have had before a change, kept apart by the IOMMU, and not after it: one group
 * holds both, the one reaches the memory of the other without passing the IOMMU, or there is no IOMMU any more.
 */
export interface IsolationLoss {
  readonly pairs: number;
  /** The pairs by the classes of the two, most pairs first. */
  readonly classes: readonly ClassPair[];
  /**
   * So many of the pairs are in two groups after it all the same: groups are not formed anew at run time, and the kernel
   * looks at the ports on the way up only, not at those across a switch.
   */
  readonly unseen: number;
}

/**
 * What isolation a change takes away from the functions of a table. `isBooted` is false for registers written at run time.
 * None where no IOMMU is in use before. Unknown where what decides groups is hidden, or of a pair that was kept apart both
 * verdict and route.
 */
export function isolationLost(before: VerdictTable, after: VerdictTable, isBooted: boolean): Known<IsolationLoss> {
  const old = shownGroups(before.machine);
  if (isUnknown(old)) return old;
  const now = isBooted ? shownGroups(after.machine) : old;
  if (isUnknown(now)) return now;
  const formed = isBooted ? now : formedGroups(after.machine);
  if (isUnknown(formed)) return formed;
  const isJoined = (a: Bdf, b: Bdf): boolean => {
    const group = formed.get(a);
    return group === undefined || group === formed.get(b) || formed.get(b) === undefined;
  };
  const isDirect = directPairs(before, after);
  const classOf = new Map(before.machine.functions.map((fn) => [fn.bdf, classKeyOf(fn)]));
  const classes = new Map<string, ClassPair & { pairs: number }>();
  let [pairs, unseen] = [0, 0];
  let hidden: Unknown | undefined;
  before.clients.forEach((a, index) => {
    const group = old.get(a);
    if (group === undefined) return;
    for (const b of before.clients.slice(index + 1)) {
      const other = old.get(b);
      if (other === undefined || other === group) continue;
      const isLost = isJoined(a, b) || isDirect(a, b);
      if (isUnknown(isLost)) hidden ??= isLost;
      if (isLost !== true) continue;
      pairs++;
      if (now.get(a) !== now.get(b)) unseen++;
      const [first, second] = (classOf.get(a) ?? "") <= (classOf.get(b) ?? "") ? [a, b] : [b, a];
      const key = `${classOf.get(first)} ${classOf.get(second)}`;
      const known = classes.get(key);
      if (known === undefined) classes.set(key, { first, second, pairs: 1 });
      else known.pairs++;
    }
  });
  if (hidden !== undefined) return hidden;
  return { pairs, classes: [...classes.values()].sort((a, b) => b.pairs - a.pairs), unseen };
}

/** The groups that a machine has, formed where its source does not show them. */
function shownGroups(machine: Machine): Known<ReadonlyMap<Bdf, number>> {
  const groups = new Map<Bdf, number>();
  for (const { bdf, iommuGroup } of withFormedGroups(machine).functions) {
    if (isUnknown(iommuGroup)) return iommuGroup;
    if (iommuGroup !== null) groups.set(bdf, iommuGroup);
  }
  return groups;
}

/** The groups that the kernel would form of the registers as they are, were they so at a boot. */
function formedGroups({ groupsAtBoot: _, ...machine }: Machine): Known<ReadonlyMap<Bdf, number>> {
  return expectedIommuGroups(machine, topologyOf(machine));
}

/**
 * Tells which pairs come to reach each other past the IOMMU, in either direction: by a verdict of a direct path, or by where
 * requests go, as a port that redirects nothing lets its side through whatever the verdict on both is. Where the route is not
 * known, the verdict tells alone.
 */
function directPairs(before: VerdictTable, after: VerdictTable): (a: Bdf, b: Bdf) => Known<boolean> {
  const rows = new Map(before.providers.map((bdf, index) => [bdf, index]));
  const columns = new Map(before.clients.map((bdf, index) => [bdf, index]));
  const [routesBefore, routesAfter] = [new PeerRoutes(before), new PeerRoutes(after)];
  const isPast = (table: VerdictTable, routes: PeerRoutes, i: number, j: number): Known<boolean> => {
    const mapType = table.mapType(i, j);
    if (mapType === "bus-addr") return true;
    const directions = routes.pastIommu(i, j);
    if (!isUnknown(directions)) return directions.length > 0;
    return mapType === "unknown" ? directions : false;
  };
  const isDirect = (provider: Bdf, client: Bdf): Known<boolean> => {
    const [i, j] = [rows.get(provider), columns.get(client)];
    if (i === undefined || j === undefined) return false;
    const now = isPast(after, routesAfter, i, j);
    if (now === false) return false;
    const old = isPast(before, routesBefore, i, j);
    if (old === true) return false;
    // What is as little known as it was is no loss.
    return isUnknown(now) && isUnknown(old) ? false : now;
  };
  return (a, b) => {
    const there = isDirect(a, b);
    if (there === true) return true;
    const back = isDirect(b, a);
    return back === false ? there : back;
  };
}
