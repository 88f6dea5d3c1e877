import { devfnOf } from "../../pci/bdf.ts";
import { isUnknown } from "../../pci/known.ts";
import type { Topology } from "../../pci/topology.ts";
import { NO_MATCH } from "./matching.ts";

/** More pairs of root buses are not compared by what is below them: no machine has so many. */
const MAX_PAIRS = 4096;

/**
 * For each root bus of `after` the one of `before` that it is. Where the numbers are the same, those tell; else what is below
 * them, place by place, less where their NUMA nodes differ; then the segment and the number; then their order, as firmware
 * numbers them anew where one before them takes more buses.
 */
export function matchRoots(before: Topology, after: Topology): Int32Array {
  const [old, now] = [before.roots, after.roots];
  const byNumber = new Map(old.map(({ rootBus }, index) => [rootBus, index]));
  const numbered = Int32Array.from(now, ({ rootBus }) => byNumber.get(rootBus) ?? NO_MATCH);
  const isSame = old.length === now.length && !numbered.includes(NO_MATCH);
  if (isSame || old.length * now.length > MAX_PAIRS) return numbered;
  const [rootsBefore, rootsAfter] = [rootsOf(before), rootsOf(after)];
  const size = Math.max(old.length, now.length);
  return assigned(old.length, now.length, (i, j) => {
    const [one, other] = [rootsBefore[i] as Root, rootsAfter[j] as Root];
    const common = inCommon(one.contents, other.contents);
    if (common === 0 && one.rootBus !== other.rootBus) return 0;
    const isOtherNode = one.node !== undefined && other.node !== undefined && one.node !== other.node;
    const isOrdered = one.segment === other.segment && one.of === other.of && one.rank === other.rank;
    return (
      (isOtherNode ? 4 : 8) * common +
      (one.segment === other.segment ? 2 : 0) +
      (one.rootBus === other.rootBus ? 1 : 0) +
      (isOrdered ? 0.9 : 0) +
      // Of equals the first ones, in their order: that has the largest sum of products.
      ((size - i) * (size - j)) / (16 * size ** 3)
    );
  });
}

/** What tells a root bus. */
interface Root {
  readonly rootBus: number;
  readonly segment: number;
  /** Which of the root buses of its segment it is, and of how many. */
  readonly rank: number;
  readonly of: number;
  readonly contents: ReadonlySet<string>;
  /** The NUMA node of what is below it; `undefined` where that is hidden, or not one. */
  readonly node: number | undefined;
}

function rootsOf(topology: Topology): readonly Root[] {
  const contents = contentsOf(topology);
  const segmentOf = (rootBus: number): number => Math.floor(rootBus / 0x100);
  return topology.roots.map(({ rootBus, functions }, index) => {
    const segment = segmentOf(rootBus);
    const own = topology.roots.filter((root) => segmentOf(root.rootBus) === segment).map((root) => root.rootBus);
    const nodes = new Set(functions.map((fn) => topology.functionAt(fn).numaNode));
    const [node] = nodes;
    return {
      rootBus,
      segment,
      rank: own.toSorted((a, b) => a - b).indexOf(rootBus),
      of: own.length,
      contents: contents[index] ?? new Set(),
      node: nodes.size === 1 && typeof node === "number" ? node : undefined,
    };
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

/**
 * For each column the row that it is given, so that the sum of scores is the largest; what scores nothing is given none.
 * By shortest augmenting paths (Jonker and Volgenant), row by row, in the cube of the larger number.
 */
function assigned(rows: number, columns: number, score: (i: number, j: number) => number): Int32Array {
  const size = Math.max(rows, columns);
  const costs = new Float64Array(size * size);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) costs[i * size + j] = -score(i, j);
  const ofRow = new Float64Array(size + 1);
  const ofColumn = new Float64Array(size + 1);
  /** The row of each column; column `size` stands for the row that looks for one. */
  const rowOf = new Int32Array(size + 1).fill(NO_MATCH);
  for (let row = 0; row < size; row++) {
    rowOf[size] = row;
    const from = new Int32Array(size).fill(size);
    const least = new Float64Array(size).fill(Number.POSITIVE_INFINITY);
    const isDone = new Uint8Array(size + 1);
    let column = size;
    while ((rowOf[column] ?? NO_MATCH) !== NO_MATCH) {
      isDone[column] = 1;
      const i = rowOf[column] ?? 0;
      let delta = Number.POSITIVE_INFINITY;
      let next = size;
      for (let j = 0; j < size; j++) {
        if (isDone[j] === 1) continue;
        const cost = (costs[i * size + j] ?? 0) - (ofRow[i] ?? 0) - (ofColumn[j] ?? 0);
        if (cost < (least[j] ?? 0)) {
          least[j] = cost;
          from[j] = column;
        }
        if ((least[j] ?? 0) < delta) {
          delta = least[j] ?? 0;
          next = j;
        }
      }
      for (let j = 0; j <= size; j++) {
        if (isDone[j] === 1) {
          const of = rowOf[j] ?? 0;
          ofRow[of] = (ofRow[of] ?? 0) + delta;
          ofColumn[j] = (ofColumn[j] ?? 0) - delta;
        } else if (j < size) least[j] = (least[j] ?? 0) - delta;
      }
      column = next;
    }
    while (column !== size) {
      const previous = from[column] ?? size;
      rowOf[column] = rowOf[previous] ?? NO_MATCH;
      column = previous;
    }
  }
  return Int32Array.from({ length: columns }, (_, j) => {
    const row = rowOf[j] ?? NO_MATCH;
    return row < rows && (costs[row * size + j] ?? 0) < 0 ? row : NO_MATCH;
  });
}
