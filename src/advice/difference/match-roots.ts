import { devfnOf } from "../../pci/bdf.ts";
import { isUnknown } from "../../pci/known.ts";
import type { Topology } from "../../pci/topology.ts";
import { NO_MATCH } from "./matching.ts";

/** More pairs of root buses are not compared by what is below them: no machine has so many. */
const MAX_PAIRS = 4096;

/**
 * For each root bus of `after` the one of `before` that it is: root buses keep their order, and those are the same that
 * have most in common below them, or else the number. Firmware numbers them anew where one before them takes more buses.
 */
export function matchRoots(before: Topology, after: Topology): Int32Array {
  const [old, now] = [before.roots, after.roots];
  const byNumber = new Map(old.map(({ rootBus }, index) => [rootBus, index]));
  const numbered = Int32Array.from(now, ({ rootBus }) => byNumber.get(rootBus) ?? NO_MATCH);
  const isSame = old.length === now.length && !numbered.includes(NO_MATCH);
  if (isSame || old.length * now.length > MAX_PAIRS) return numbered;
  const contentsBefore = contentsOf(before);
  const contentsAfter = contentsOf(after);
  return aligned(old.length, now.length, (i, j) => {
    const sameNumber = old[i]?.rootBus === now[j]?.rootBus ? 1 : 0;
    return 2 * inCommon(contentsBefore[i] ?? new Set(), contentsAfter[j] ?? new Set()) + sameNumber;
  });
}

/** For each root bus what is below it: places with the ids of the functions there. */
function contentsOf(topology: Topology): readonly ReadonlySet<string>[] {
  const paths: string[] = new Array(topology.functions.length).fill("");
  const contents = topology.roots.map(() => new Set<string>());
  for (const index of topology.preorder) {
    const { bdf, vendorId, deviceId } = topology.functionAt(index);
    const above = topology.parentOf(index);
    // Some levels tell root buses apart; all of a long chain would be a text of its length for each link.
    const depth = topology.depth[index] ?? 0;
    if (depth > 8) continue;
    paths[index] = `${above === undefined ? "" : paths[above]}/${devfnOf(bdf)}`;
    if (isUnknown(vendorId) || isUnknown(deviceId)) continue;
    const root = topology.rootOf(index);
    if (root !== undefined) contents[root]?.add(`${paths[index]} ${vendorId} ${deviceId}`);
  }
  return contents;
}

function inCommon(some: ReadonlySet<string>, others: ReadonlySet<string>): number {
  let count = 0;
  for (const one of some) if (others.has(one)) count++;
  return count;
}

/** The alignment of two lists, in order, with the largest sum of scores; what scores nothing is not the same. */
function aligned(rows: number, columns: number, score: (i: number, j: number) => number): Int32Array {
  const width = columns + 1;
  const best = new Float64Array((rows + 1) * width);
  const scores = new Float64Array(rows * columns);
  const at = (i: number, j: number): number => best[i * width + j] ?? 0;
  for (let i = rows - 1; i >= 0; i--) {
    for (let j = columns - 1; j >= 0; j--) {
      const own = score(i, j);
      scores[i * columns + j] = own;
      const both = own > 0 ? own + at(i + 1, j + 1) : 0;
      best[i * width + j] = Math.max(both, at(i + 1, j), at(i, j + 1));
    }
  }
  const chosen = new Int32Array(columns).fill(NO_MATCH);
  for (let i = 0, j = 0; i < rows && j < columns; ) {
    const own = scores[i * columns + j] ?? 0;
    if (own > 0 && at(i, j) === own + at(i + 1, j + 1)) chosen[j++] = i++;
    else if (at(i, j) === at(i + 1, j)) i++;
    else j++;
  }
  return chosen;
}
