import type { Machine } from "../../host/machine.ts";
import type { Bdf } from "../../pci/bdf.ts";
import { isBridge } from "../../pci/device-kind.ts";
import { isUnknown } from "../../pci/known.ts";
import { withFormedGroups } from "../../rules/boot-acs.ts";

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
 * Which IOMMU groups merge, split or come and go, by their members: their numbers mean nothing. Groups that a side
 * hides are taken as its kernel forms them; functions whose group is unknown even so are left out.
 */
export function compareGroups(before: Machine, after: Machine): readonly GroupChange[] {
  const [formed, now] = [withFormedGroups(before), withFormedGroups(after)];
  const both = knownOnBothSides(formed, now);
  const groupsBefore = groupsOf(formed, both);
  const groupsAfter = groupsOf(now, both);
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
    .map((change) => ({ ...change, joined: joinedGroups(change, endpoints) }));
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

function knownOnBothSides(before: Machine, after: Machine): ReadonlySet<Bdf> {
  const known = (machine: Machine): Bdf[] =>
    machine.functions.filter((fn) => !isUnknown(fn.iommuGroup)).map((fn) => fn.bdf);
  const second = new Set(known(after));
  return new Set(known(before).filter((bdf) => second.has(bdf)));
}

function groupsOf(machine: Machine, both: ReadonlySet<Bdf>): readonly (readonly Bdf[])[] {
  const groups = new Map<number, Bdf[]>();
  for (const { bdf, iommuGroup } of machine.functions) {
    if (!both.has(bdf) || isUnknown(iommuGroup) || iommuGroup === null) continue;
    const group = groups.get(iommuGroup);
    if (group === undefined) groups.set(iommuGroup, [bdf]);
    else group.push(bdf);
  }
  return [...groups.values()];
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
