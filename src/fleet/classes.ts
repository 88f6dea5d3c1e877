import { distanceOf } from "./fingerprint.ts";

/** A class as its nearest is looked for. */
export interface Counted {
  readonly id: string;
  readonly machines: number;
  /** The lowest place among its machines: the order of sources decides between equals. */
  readonly first: number;
  readonly marks: Uint32Array;
}

/** Fewer machines are no kind of their own. */
const LEAST = 3;
/** And so many of a hundred that were read. */
const LEAST_SHARE = 1;
/** So many kinds are compared with. */
const MOST_REFERENCES = 64;

/** Most machines first, and then by the order of the sources. */
function bySize(a: Counted, b: Counted): number {
  return b.machines - a.machines || a.first - b.first;
}

/** The classes that others are held against: those of at least 3 machines and 1 % of all; the largest where none is. */
export function referencesOf(classes: readonly Counted[]): readonly Counted[] {
  const total = classes.reduce((sum, { machines }) => sum + machines, 0);
  const sorted = classes.toSorted(bySize);
  const large = sorted.filter(({ machines }) => machines >= LEAST && machines * 100 >= total * LEAST_SHARE);
  return large.length > 0 ? large.slice(0, MOST_REFERENCES) : sorted.slice(0, 1);
}

/** The reference that a class has most in common with; of one that is a reference itself, a larger one. */
export function nearestOf(one: Counted, references: readonly Counted[]): Counted | undefined {
  let nearest: Counted | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const reference of references) {
    if (reference.id === one.id) break;
    const distance = distanceOf(one.marks, reference.marks);
    if (distance < least) [nearest, least] = [reference, distance];
  }
  return nearest;
}
