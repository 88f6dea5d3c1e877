import { type Machine, topologyOf } from "../../host/machine.ts";
import type { Bdf } from "../../pci/bdf.ts";
import { isBridge } from "../../pci/device-kind.ts";
import { isUnknown } from "../../pci/known.ts";
import { expectedIommuGroups, groupMembers } from "../../rules/iommu-groups.ts";
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
  /**
   * The side whose source states no groups of these functions, where the other's states others than its kernel's rules
   * form: whether they differ is not known, as the prediction may be wrong in the same way.
   */
  readonly predicted?: "before" | "after";
  /** The second source states no groups of these functions, and hides what the rules form them by: `after` is empty. */
  readonly isHidden?: true;
}

/**
 * Which IOMMU groups merge, split or come and go, by their members: their numbers mean nothing. What both sources state is
 * compared as stated, function by function, what neither states as the kernels form it. What one states is compared with
 * what the other's kernel forms, and told as `predicted` where the rules form others than the first states. Functions whose
 * group is unknown even so, or which the other machine does not have, are left out. Which functions are the same is by
 * address unless a {@link Matching} says otherwise.
 */
export function compareGroups(before: Machine, after: Machine, matching?: Matching): readonly GroupChange[] {
  const earlier = new Map<Bdf, Bdf>();
  for (const { bdf } of before.functions) {
    const later = matching === undefined ? bdf : matching.laterOf(bdf);
    if (later !== undefined) earlier.set(later, bdf);
  }
  const endpoints = new Set(after.functions.filter((fn) => !isBridge(fn)).map((fn) => fn.bdf));
  const [old, now] = [statedGroups(before), statedGroups(after)];
  const stated = after.functions.filter(({ bdf }) => old.has(earlier.get(bdf) ?? NO_FUNCTION) && now.has(bdf));
  const comparison = new GroupComparison(earlier, endpoints);
  const changes = comparison.changes(old, now, new Set(stated.map(({ bdf }) => bdf)));
  if (stated.length === after.functions.length) return changes;
  const isStated = new Set(stated.map(({ bdf }) => bdf));
  const rest = new Set(after.functions.map(({ bdf }) => bdf).filter((bdf) => !isStated.has(bdf)));
  const [formedOld, formedNow] = [formedGroups(before, old), formedGroups(after, now)];
  const [openOld, openAfter] = [otherwise(formedOld, old), otherwise(formedNow, now)];
  const openBefore = new Set([...earlier].filter(([, bdf]) => openOld.has(bdf)).map(([bdf]) => bdf));
  const sure = [...rest].filter((bdf) => !openBefore.has(bdf) && !openAfter.has(bdf));
  // A predicted group has a number that no stated one has.
  const [allOld, allNow] = [new Map([...formedOld, ...old]), new Map([...formedNow, ...now])];
  const restEarlier = new Set([...rest].map((bdf) => earlier.get(bdf)));
  const isOpen = (change: GroupChange): boolean =>
    change.after.flat().some((bdf) => rest.has(bdf)) || change.before.flat().some((bdf) => restEarlier.has(bdf));
  return [
    ...changes,
    ...comparison.changes(formedOld, formedNow, new Set(sure)),
    ...comparison.changes(old, allNow, openBefore, "after").filter(isOpen),
    ...comparison.changes(allOld, now, openAfter, "before").filter(isOpen),
  ];
}

/**
 * The groups of functions of both machines that are known before, stated or as the rules form them, and of which nothing is
 * known after; `undefined` where there are none.
 */
export function groupsHidden(before: Machine, after: Machine, matching: Matching): GroupChange | undefined {
  const now = formedGroups(after, statedGroups(after));
  const stated = statedGroups(after);
  const lost = formedGroups(before, statedGroups(before));
  const all = new Map([...lost, ...statedGroups(before)]);
  const known = [...all].filter(([bdf, group]) => {
    const later = group === null ? undefined : matching.laterOf(bdf);
    return later !== undefined && !now.has(later) && !stated.has(later);
  });
  if (known.length === 0) return undefined;
  return { before: membersOf(known), after: [], joined: [], isHidden: true };
}

/** An address that no function has. */
const NO_FUNCTION = -1 as Bdf;

/** Of each function whose group is known its group, `null` for none. */
type Groups = ReadonlyMap<Bdf, number | null>;

function statedGroups({ functions }: Machine): Groups {
  return new Map(
    functions.flatMap(({ bdf, iommuGroup }) => (isUnknown(iommuGroup) ? [] : [[bdf, iommuGroup] as const])),
  );
}

/** The groups that a kernel forms; those that the source states where it hides what the kernel looks at. */
function formedGroups(machine: Machine, stated: Groups): Groups {
  const expected = expectedIommuGroups(machine, topologyOf(machine));
  if (isUnknown(expected)) return stated;
  return new Map(machine.functions.map(({ bdf }) => [bdf, expected.get(bdf) ?? null] as const));
}

/** The functions that a source states to be in other groups than the rules form, as far as it states groups. */
function otherwise(formed: Groups, stated: Groups): ReadonlySet<Bdf> {
  const isAsStated = new Set(membersOf([...stated]).map((members) => members.join()));
  const ofStated = [...formed].filter(([bdf]) => stated.has(bdf));
  const asStated = membersOf(ofStated).filter((members) => isAsStated.has(members.join()));
  const isSure = new Set(asStated.flat());
  for (const [bdf, group] of ofStated) if (group === null && stated.get(bdf) === null) isSure.add(bdf);
  return new Set([...stated.keys()].filter((bdf) => !isSure.has(bdf)));
}

/** Compares groups of some functions of two machines. */
class GroupComparison {
  readonly #earlier: ReadonlyMap<Bdf, Bdf>;
  readonly #endpoints: ReadonlySet<Bdf>;

  constructor(earlier: ReadonlyMap<Bdf, Bdf>, endpoints: ReadonlySet<Bdf>) {
    this.#earlier = earlier;
    this.#endpoints = endpoints;
  }

  /** What differs between the groups of functions, by their addresses after, whose group is known on both sides. */
  changes(
    before: Groups,
    after: Groups,
    functions: ReadonlySet<Bdf>,
    predicted?: GroupChange["predicted"],
  ): readonly GroupChange[] {
    const old: [Bdf, number | null][] = [];
    const now: [Bdf, number | null][] = [];
    for (const bdf of functions) {
      const was = before.get(this.#earlier.get(bdf) ?? NO_FUNCTION);
      const is = after.get(bdf);
      if (was === undefined || is === undefined) continue;
      old.push([bdf, was]);
      now.push([bdf, is]);
    }
    return changesOf(membersOf(old), membersOf(now)).map((change) => ({
      before: change.before.map((group) => group.map((bdf) => this.#earlier.get(bdf) ?? bdf).sort((a, b) => a - b)),
      after: change.after,
      joined: joinedGroups(change, this.#endpoints),
      ...(predicted === undefined ? {} : { predicted }),
    }));
  }
}

/** Groups of the same functions that hang together and are not the same. */
function changesOf(groupsBefore: Sides["before"], groupsAfter: Sides["after"]): readonly Sides[] {
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
  return [...changes.values()].filter((change) => !isSame(change));
}

function membersOf(groups: readonly (readonly [Bdf, number | null])[]): readonly (readonly Bdf[])[] {
  return [...groupMembers(groups).values()].map((group) => group.toSorted((a, b) => a - b));
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
