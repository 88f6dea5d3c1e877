import { type Machine, topologyOf } from "../../host/machine.ts";
import type { Bdf } from "../../pci/bdf.ts";
import { isBridge } from "../../pci/device-kind.ts";
import { isUnknown } from "../../pci/known.ts";
import { expectedIommuGroups } from "../../rules/iommu-groups.ts";
import type { Matching } from "./matching.ts";

/** IOMMU groups that are not the same functions on both sides: what a part of the machine was, and what it is. */
export interface GroupChange {
  /** The groups that these functions form before, each in ascending order; those without a group are left out. */
  readonly before: readonly (readonly Bdf[])[];
  readonly after: readonly (readonly Bdf[])[];
  /**
   * Endpoints that two guests could have had before and that one group of `after` holds together: what isolation is
   * lost. Bridges are left out, as no guest is given one.
   */
  readonly joined: readonly (readonly Bdf[])[];
}

/**
 * Which IOMMU groups merge, split or come and go, by their members: their numbers mean nothing. Groups that a side does
 * not list whole are taken as its kernel forms them; functions whose group is unknown even so, or which the other machine
 * does not have, are left out. Which functions are the same is by address unless a {@link Matching} says otherwise.
 */
export function compareGroups(before: Machine, after: Machine, matching?: Matching): readonly GroupChange[] {
  const laterOf = (bdf: Bdf): Bdf | undefined => (matching === undefined ? bdf : matching.laterOf(bdf));
  const [first, second] = comparable(before, after);
  // Members by their addresses after.
  const old = new Map(
    [...first].flatMap(([bdf, group]) => {
      const later = laterOf(bdf);
      return later === undefined || !second.has(later) ? [] : [[later, { bdf, group }] as const];
    }),
  );
  const now = new Map([...second].filter(([bdf]) => old.has(bdf)));
  const groupsBefore = membersOf([...old].map(([bdf, { group }]) => [bdf, group]));
  const groupsAfter = membersOf([...now]);
  const parts = new Parts();
  for (const group of [...groupsBefore, ...groupsAfter]) parts.join(group);
  const changes = new Map<Bdf, { before: (readonly Bdf[])[]; after: (readonly Bdf[])[] }>();
  const changeOf = (group: readonly Bdf[]) => {
    const part = parts.find(group[0] as Bdf);
    const change = changes.get(part) ?? { before: [], after: [] };
    changes.set(part, change);
    return change;
  };
  for (const group of groupsBefore) changeOf(group).before.push(group);
  for (const group of groupsAfter) changeOf(group).after.push(group);
  const endpoints = new Set(after.functions.filter((fn) => !isBridge(fn)).map((fn) => fn.bdf));
  return [...changes.values()]
    .filter((change) => !isSame(change))
    .map((change) => ({
      before: change.before.map((group) => group.map((bdf) => old.get(bdf)?.bdf ?? bdf).sort((a, b) => a - b)),
      after: change.after,
      joined: joinedGroups(change, endpoints),
    }));
}

/** Of each function whose group is known its group, `null` for none. */
type Groups = ReadonlyMap<Bdf, number | null>;

/** The groups of two machines so that they can be compared: listed on both sides, or else formed on both. */
function comparable(before: Machine, after: Machine): readonly [before: Groups, after: Groups] {
  const [listedBefore, listedAfter] = [listedGroups(before), listedGroups(after)];
  if (isWhole(before, listedBefore) && isWhole(after, listedAfter)) return [listedBefore, listedAfter];
  return [formedGroups(before, listedBefore), formedGroups(after, listedAfter)];
}

function listedGroups({ functions }: Machine): Groups {
  return new Map(
    functions.flatMap(({ bdf, iommuGroup }) => (isUnknown(iommuGroup) ? [] : [[bdf, iommuGroup] as const])),
  );
}

function isWhole({ functions }: Machine, listed: Groups): boolean {
  return listed.size === functions.length;
}

/**
 * The groups that a kernel forms; those that the source lists where it hides what the kernel looks at. Where all are listed
 * and some are others than the rules say, those are left out: the other side's would be wrong in the same way.
 */
function formedGroups(machine: Machine, listed: Groups): Groups {
  const expected = expectedIommuGroups(machine, topologyOf(machine));
  if (isUnknown(expected)) return listed;
  const formed = new Map(machine.functions.map(({ bdf }) => [bdf, expected.get(bdf) ?? null] as const));
  if (!isWhole(machine, listed)) return formed;
  const isAsListed = new Set(membersOf([...listed]).map((members) => members.join()));
  const asListed = membersOf([...formed]).filter((members) => isAsListed.has(members.join()));
  const isSure = new Set(asListed.flat());
  return new Map([...formed].filter(([bdf, group]) => isSure.has(bdf) || (group === null && listed.get(bdf) === null)));
}

function membersOf(groups: readonly (readonly [Bdf, number | null])[]): readonly (readonly Bdf[])[] {
  const members = new Map<number, Bdf[]>();
  for (const [bdf, group] of groups) {
    if (group === null) continue;
    const own = members.get(group);
    if (own === undefined) members.set(group, [bdf]);
    else own.push(bdf);
  }
  return [...members.values()].map((group) => group.sort((a, b) => a - b));
}

type Sides = Pick<GroupChange, "before" | "after">;

function joinedGroups({ before, after }: Sides, endpoints: ReadonlySet<Bdf>): readonly (readonly Bdf[])[] {
  return after
    .map((group) => group.filter((bdf) => endpoints.has(bdf)))
    .filter((group) => before.filter((old) => old.some((bdf) => group.includes(bdf))).length > 1);
}

function isSame({ before, after }: Sides): boolean {
  const [old] = before;
  const [now] = after;
  return before.length === 1 && after.length === 1 && old?.join() === now?.join();
}

/** Sets of functions that hang together through groups of either side. */
class Parts {
  readonly #above = new Map<Bdf, Bdf>();

  find(bdf: Bdf): Bdf {
    let top = bdf;
    for (let next = this.#above.get(top); next !== undefined; next = this.#above.get(top)) top = next;
    if (top !== bdf) this.#above.set(bdf, top);
    return top;
  }

  join(group: readonly Bdf[]): void {
    const [first, ...rest] = group;
    if (first === undefined) return;
    for (const bdf of rest) {
      const top = this.find(bdf);
      const target = this.find(first);
      if (top !== target) this.#above.set(top, target);
    }
  }
}
