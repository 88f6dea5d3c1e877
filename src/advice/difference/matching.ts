import { type Bdf, busKeyOf, devfnOf } from "../../pci/bdf.ts";
import type { Topology } from "../../pci/topology.ts";
import { physicalOf } from "../../pci/virtual-functions.ts";

/** In the tables of {@link Matching}: the other machine has no such function. */
export const NO_MATCH = -1;

/** Which functions and root buses of two machines are the same; functions and root buses by their indices. */
export interface MatchTables {
  /** For each function of `after` its index in `before`, or -1 ({@link NO_MATCH}). */
  readonly earlier: Int32Array;
  /** For each root bus of `after` its index in `before.roots`, or -1. */
  readonly earlierRoot: Int32Array;
  /** Other devices in the same place. */
  readonly replaced: readonly (readonly [before: number, after: number])[];
}

/** Which functions of two machines are the same ones: {@link matchDevices} and {@link matchRecords} make it. */
export class Matching {
  readonly before: Topology;
  readonly after: Topology;
  readonly earlier: Int32Array;
  /** For each function of `before` its index in `after`, or -1. */
  readonly later: Int32Array;
  readonly replaced: MatchTables["replaced"];
  readonly #earlierRoot: Int32Array;

  constructor(before: Topology, after: Topology, { earlier, earlierRoot, replaced }: MatchTables) {
    this.before = before;
    this.after = after;
    this.earlier = earlier;
    this.replaced = replaced;
    this.#earlierRoot = earlierRoot;
    this.later = new Int32Array(before.functions.length).fill(NO_MATCH);
    earlier.forEach((old, index) => {
      if (old !== NO_MATCH) this.later[old] = index;
    });
  }

  /** The address before of a function of the machine after; `undefined` for one that is new. */
  earlierOf(bdf: Bdf): Bdf | undefined {
    if (!this.after.has(bdf)) return undefined;
    return this.before.functions[this.earlier[this.after.indexOf(bdf)] ?? NO_MATCH]?.bdf;
  }

  /** The address after of a function of the machine before; `undefined` for one that is gone. */
  laterOf(bdf: Bdf): Bdf | undefined {
    if (!this.before.has(bdf)) return undefined;
    return this.after.functions[this.later[this.before.indexOf(bdf)] ?? NO_MATCH]?.bdf;
  }

  /** The root bus before of one after, as an index; `undefined` for one that is new. */
  earlierRootOf(root: number): number | undefined {
    const earlier = this.#earlierRoot[root] ?? NO_MATCH;
    return earlier === NO_MATCH ? undefined : earlier;
  }

  /** Whether what is directly above a function is the same on both sides; `undefined` where one side hides it. */
  isBelowSame(old: number, now: number): boolean | undefined {
    const { before, after } = this;
    if (before.isOnRootBus(old) && after.isOnRootBus(now)) {
      const [rootBefore, rootAfter] = [before.rootOf(old), after.rootOf(now)];
      if (rootBefore === undefined || rootAfter === undefined) return undefined;
      return this.earlierRootOf(rootAfter) === rootBefore;
    }
    const [above, below] = [before.parentOf(old), after.parentOf(now)];
    if (above === undefined || below === undefined) {
      return before.isOnRootBus(old) || after.isOnRootBus(now) ? this.#isOneSideOnRoot(old, now) : undefined;
    }
    return this.earlier[below] === above;
  }

  /** One on a root bus, and the other below a bridge: another place, unless what is above the other is hidden. */
  #isOneSideOnRoot(old: number, now: number): false | undefined {
    const isKnown = (topology: Topology, index: number): boolean =>
      topology.isOnRootBus(index) || topology.parentOf(index) !== undefined;
    return isKnown(this.before, old) && isKnown(this.after, now) ? false : undefined;
  }

  /**
   * Whether a function is where it was: below the same bridge, with the same device and function number; a virtual one
   * with its physical one.
   */
  isInPlace(old: number, now: number): boolean | undefined {
    const physical = physicalOf(this.after.functionAt(now));
    if (physical !== undefined && this.earlierOf(physical) === physicalOf(this.before.functionAt(old))) return true;
    const isBelowSame = this.isBelowSame(old, now);
    if (isBelowSame !== true) return isBelowSame;
    return devfnOf(this.before.functionAt(old).bdf) === devfnOf(this.after.functionAt(now).bdf);
  }
}

/**
 * Functions of one machine before and after a change of it: the record keeps its address whatever is done to it, so that
 * the same address is the same function.
 */
export function matchRecords(before: Topology, after: Topology): Matching {
  const earlier = Int32Array.from(after.functions, ({ bdf }) => (before.has(bdf) ? before.indexOf(bdf) : NO_MATCH));
  const rootIndex = new Map(before.roots.map(({ rootBus }, index) => [rootBus, index]));
  const earlierRoot = Int32Array.from(after.roots, ({ rootBus }) => rootIndex.get(rootBus) ?? NO_MATCH);
  return new Matching(before, after, { earlier, earlierRoot, replaced: [] });
}

/** What is the same of the first machine of `one` and of the second of `other`, which begins with what `one` ends with. */
export function matchThrough(one: Matching, other: Matching): Matching {
  const through = (earlier: Int32Array, index: number): number =>
    index === NO_MATCH ? NO_MATCH : (earlier[index] ?? NO_MATCH);
  return new Matching(one.before, other.after, {
    earlier: other.earlier.map((index) => through(one.earlier, index)),
    earlierRoot: Int32Array.from(other.after.roots, (_, root) => {
      const between = other.earlierRootOf(root);
      return between === undefined ? NO_MATCH : (one.earlierRootOf(between) ?? NO_MATCH);
    }),
    replaced: one.replaced.flatMap(([before, between]) => {
      const after = other.later[between] ?? NO_MATCH;
      return after === NO_MATCH ? [] : [[before, after] as const];
    }),
  });
}

/** Bus and `devfn` of functions directly below one bridge, the first bus being 0: virtual functions may be on further ones. */
export function placesBelow(topology: Topology, indices: readonly number[]): ReadonlyMap<number, number> {
  const bdfs = indices.map((index) => topology.functionAt(index).bdf);
  let first = Number.POSITIVE_INFINITY;
  for (const bdf of bdfs) first = Math.min(first, busKeyOf(bdf));
  return new Map(indices.map((index, at) => [(bdfs[at] as Bdf) - first * 0x100, index]));
}
