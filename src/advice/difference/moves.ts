import { type Bdf, busKeyOf, devfnOf, deviceOf } from "../../pci/bdf.ts";
import type { Topology } from "../../pci/topology.ts";
import { type Matching, NO_MATCH } from "./matching.ts";

/** A function on both sides. */
export interface SameFunction {
  readonly before: Bdf;
  readonly after: Bdf;
}

/** A function that is elsewhere, by itself or its whole device: what is below a bridge that was moved is not listed. */
export interface Move extends SameFunction {
  /** The bridges directly above it then and now, `null` for the root bus. */
  readonly from: Bdf | null;
  readonly to: Bdf | null;
}

/** Where functions and devices went. */
export interface Moves {
  /** The same functions at other addresses, moved or not. */
  readonly renumbered: readonly SameFunction[];
  readonly moved: readonly Move[];
  /** Functions that took each other's place. */
  readonly swapped: readonly (readonly [SameFunction, SameFunction])[];
  /** Other devices in the same place, by both addresses: no verdict of theirs is compared. */
  readonly replaced: readonly SameFunction[];
}

/** What moved, changed places, was replaced or has another address. */
export function movesOf(matching: Matching): Moves {
  const { before, after, earlier } = matching;
  const renumbered: SameFunction[] = [];
  const elsewhere: (Move & Places)[] = [];
  earlier.forEach((old, now) => {
    if (old === NO_MATCH) return;
    const same = { before: before.functionAt(old).bdf, after: after.functionAt(now).bdf };
    if (same.before !== same.after) renumbered.push(same);
    if (matching.isInPlace(old, now) !== false) return;
    elsewhere.push({
      ...same,
      from: before.functions[before.parentOf(old) ?? NO_MATCH]?.bdf ?? null,
      to: after.functions[after.parentOf(now) ?? NO_MATCH]?.bdf ?? null,
      was: placeOf(before, old, matching.later, (root) => `${root}`),
      is: placeOf(after, now, undefined, (root) => `${matching.earlierRootOf(root) ?? "new"}`),
    });
  });
  const swapped = swapsOf(elsewhere);
  const inSwap = new Set(swapped.flat().map((same) => same.after));
  return {
    renumbered,
    moved: elsewhere
      .filter((move) => !inSwap.has(move.after))
      .map(({ before: old, after: now, from, to }) => ({ before: old, after: now, from, to })),
    swapped,
    replaced: matching.replaced.map(([old, now]) => ({
      before: before.functionAt(old).bdf,
      after: after.functionAt(now).bdf,
    })),
  };
}

/** A place then and now in words that both sides share. */
interface Places {
  readonly was: string | undefined;
  readonly is: string | undefined;
}

/** The bridge above as it is called after, with device and function number; `undefined` where that bridge is gone. */
function placeOf(
  topology: Topology,
  index: number,
  later: Int32Array | undefined,
  rootName: (root: number) => string,
): string | undefined {
  const devfn = devfnOf(topology.functionAt(index).bdf);
  const above = topology.parentOf(index);
  if (above === undefined) {
    const root = topology.rootOf(index);
    return root === undefined ? undefined : `root ${rootName(root)} ${devfn}`;
  }
  const now = later === undefined ? above : (later[above] ?? NO_MATCH);
  return now === NO_MATCH ? undefined : `${now} ${devfn}`;
}

function swapsOf(moves: readonly (Move & Places)[]): readonly (readonly [SameFunction, SameFunction])[] {
  const byNewPlace = new Map(moves.flatMap((move) => (move.is === undefined ? [] : [[move.is, move] as const])));
  return moves.flatMap((move): [SameFunction, SameFunction][] => {
    const other = move.was === undefined ? undefined : byNewPlace.get(move.was);
    if (other === undefined || other.was === undefined || other.was !== move.is || move.after >= other.after) return [];
    const same = ({ before, after }: Move): SameFunction => ({ before, after });
    return [[same(move), same(other)]];
  });
}

/** Functions of one device, which come and go together: bus and device number on both sides. */
export function deviceKey({ before, after }: SameFunction): string {
  return [busKeyOf(before), deviceOf(before), busKeyOf(after), deviceOf(after)].join(" ");
}
