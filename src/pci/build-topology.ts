import { type Bdf, busKeyOf, busOf, domainOf, formatBdf, formatBus } from "./bdf.ts";
import type { PciFunction } from "./function.ts";
import { isUnknown, type Known } from "./known.ts";
import {
  ON_ROOT_BUS,
  PARENT_HIDDEN,
  ROOT_BUS_HIDDEN,
  type RootBus,
  Topology,
  type TopologyTables,
} from "./topology.ts";

/**
 * Builds the tree from what each function says of its place: the system's own path where the source has it, else the
 * bus numbers of the bridges. `rootBuses` are the root buses that the source lists (`busKeyOf`), if it lists them.
 * Contradictory bus numbers (loops, two bridges with one secondary bus) make a parent hidden, never wrong.
 */
export function buildTopology(functions: readonly PciFunction[], rootBuses: Known<readonly number[]>): Topology {
  const count = functions.length;
  const indexByBdf = new Map<Bdf, number>();
  functions.forEach((fn, index) => {
    indexByBdf.set(fn.bdf, index);
  });
  const oddities: string[] = [];
  const finder = new ParentFinder(functions, indexByBdf, rootBuses, oddities);
  const parent = new Int32Array(count);
  for (let index = 0; index < count; index++) parent[index] = finder.parentOf(index);
  cutLoops(functions, parent, oddities);

  const childLists = listChildren(parent);
  const tops: number[] = [];
  parent.forEach((above, index) => {
    if (above < 0) tops.push(index);
  });
  const { roots, rootIndexByTop } = gatherRoots(functions, tops, parent);
  const walk = walkDepthFirst(count, tops, childLists, rootIndexByTop);
  const hiddenTops = tops.filter((index) => parent[index] === PARENT_HIDDEN);
  return new Topology({ functions, parent, ...walk, roots, hiddenTops, oddities }, indexByBdf, childLists);
}

/** Finds the bridge above each function from paths or bus numbers. */
class ParentFinder {
  readonly #functions: readonly PciFunction[];
  readonly #indexByBdf: ReadonlyMap<Bdf, number>;
  readonly #listedRoots: ReadonlySet<number> | undefined;
  readonly #bridgeBySecondary = new Map<number, number>();
  readonly #contested = new Set<number>();
  readonly #rootEvidence = new Set<number>();
  readonly #physicalByVirtual = new Map<Bdf, number>();
  /** Hostile input may claim 65,535 VFs on each of 65,536 functions; no machine has a million. */
  #vfBudget = 1_000_000;

  constructor(
    functions: readonly PciFunction[],
    indexByBdf: ReadonlyMap<Bdf, number>,
    rootBuses: Known<readonly number[]>,
    oddities: string[],
  ) {
    this.#functions = functions;
    this.#indexByBdf = indexByBdf;
    this.#listedRoots = isUnknown(rootBuses) ? undefined : new Set(rootBuses);
    functions.forEach((fn, index) => {
      this.#noteBridge(fn, index, oddities);
      if (belongsOnRootBus(fn) || isShownOnRootBus(fn)) this.#rootEvidence.add(busKeyOf(fn.bdf));
      this.#noteVirtualFunctions(fn, index);
    });
  }

  #noteBridge(fn: PciFunction, index: number, oddities: string[]): void {
    if (isUnknown(fn.bridge) || fn.bridge === null || fn.bridge.secondary === 0) return;
    const { secondary } = fn.bridge;
    if (secondary <= busOf(fn.bdf)) {
      // A bus numbered at or above its bridge's own would make the tree a loop; no kernel numbers buses so.
      oddities.push(
        `bridge ${formatBdf(fn.bdf)} claims bus ${formatBus(secondary)} below it, which is not above its own bus`,
      );
      return;
    }
    const key = domainOf(fn.bdf) * 0x100 + secondary;
    const other = this.#bridgeBySecondary.get(key);
    if (other !== undefined) {
      this.#contested.add(key);
      const rival = this.#functions[other];
      if (rival)
        oddities.push(`bridges ${formatBdf(rival.bdf)} and ${formatBdf(fn.bdf)} both claim bus ${formatBus(key)}`);
      return;
    }
    this.#bridgeBySecondary.set(key, index);
  }

  #noteVirtualFunctions(fn: PciFunction, index: number): void {
    if (isUnknown(fn.sriov) || fn.sriov === null) return;
    const { numVfs, firstVfOffset, vfStride } = fn.sriov;
    for (let vf = 0; vf < numVfs && this.#vfBudget > 0; vf++, this.#vfBudget--) {
      const routingId = (fn.bdf % 0x10000) + firstVfOffset + vf * vfStride;
      if (routingId > 0xffff) break;
      const bdf = (domainOf(fn.bdf) * 0x10000 + routingId) as Bdf;
      if (!this.#physicalByVirtual.has(bdf)) this.#physicalByVirtual.set(bdf, index);
      if (vfStride === 0) break;
    }
  }

  parentOf(index: number): number {
    const fn = this.#functions[index];
    if (fn === undefined) return PARENT_HIDDEN;
    const physical = this.#physicalOf(fn);
    if (physical !== undefined && physical !== index) {
      const pf = this.#functions[physical];
      // A VF of a VF does not exist; refusing to recurse keeps hostile input from looping.
      return pf === undefined || this.#isVirtual(pf) ? PARENT_HIDDEN : this.#ownParent(pf);
    }
    return this.#ownParent(fn);
  }

  #isVirtual(fn: PciFunction): boolean {
    return !isUnknown(fn.physicalFunction) && fn.physicalFunction !== null;
  }

  #physicalOf(fn: PciFunction): number | undefined {
    if (!isUnknown(fn.physicalFunction)) {
      return fn.physicalFunction === null ? undefined : this.#indexByBdf.get(fn.physicalFunction);
    }
    return this.#bridgeBySecondary.has(busKeyOf(fn.bdf)) ? undefined : this.#physicalByVirtual.get(fn.bdf);
  }

  #ownParent(fn: PciFunction): number {
    if (!isUnknown(fn.attachment)) {
      const { upstream } = fn.attachment;
      return upstream === null ? ON_ROOT_BUS : (this.#indexByBdf.get(upstream) ?? PARENT_HIDDEN);
    }
    const bus = busKeyOf(fn.bdf);
    if (this.#contested.has(bus)) return PARENT_HIDDEN;
    const bridge = this.#bridgeBySecondary.get(bus);
    if (bridge !== undefined) return bridge;
    return this.#isRootBus(bus) ? ON_ROOT_BUS : PARENT_HIDDEN;
  }

  #isRootBus(bus: number): boolean {
    if (this.#listedRoots?.has(bus)) return true;
    // Bus 0 of a domain is always a root bus: firmware and kernel number a bridge's secondary bus from 1.
    return bus % 0x100 === 0 || this.#rootEvidence.has(bus);
  }
}

/** Functions that the specification allows on a root bus only (PCIe 6.0 sec 1.3, 1.4), and host bridges. */
function belongsOnRootBus(fn: PciFunction): boolean {
  if (!isUnknown(fn.classCode) && fn.classCode >>> 8 === 0x0600) return true;
  if (isUnknown(fn.express) || fn.express === null) return false;
  const { type } = fn.express;
  return type === "root-port" || type === "root-complex-endpoint" || type === "root-complex-event-collector";
}

/** Where the system's own tree shows one function of a bus below a host bridge, the others on that bus are, too. */
function isShownOnRootBus({ bdf, attachment }: PciFunction): boolean {
  return !isUnknown(attachment) && attachment.upstream === null && attachment.rootBus === busKeyOf(bdf);
}

/** Cuts each loop that hostile paths can make, at the function where the walk meets itself. */
function cutLoops(functions: readonly PciFunction[], parent: Int32Array, oddities: string[]): void {
  const visitedBy = new Int32Array(parent.length).fill(-1);
  for (let start = 0; start < parent.length; start++) {
    let index = start;
    while (index >= 0 && visitedBy[index] === -1) {
      visitedBy[index] = start;
      const above: number = parent[index] ?? PARENT_HIDDEN;
      if (above >= 0 && visitedBy[above] === start) {
        const fn = functions[index];
        if (fn) oddities.push(`${formatBdf(fn.bdf)} is above itself in the source's tree`);
        parent[index] = PARENT_HIDDEN;
        break;
      }
      index = above;
    }
  }
}

function listChildren(parent: Int32Array): (number[] | undefined)[] {
  const lists: (number[] | undefined)[] = new Array(parent.length).fill(undefined);
  parent.forEach((above, index) => {
    if (above < 0) return;
    const list = lists[above];
    if (list === undefined) lists[above] = [index];
    else list.push(index);
  });
  return lists;
}

function gatherRoots(
  functions: readonly PciFunction[],
  tops: readonly number[],
  parent: Int32Array,
): { roots: RootBus[]; rootIndexByTop: Map<number, number> } {
  const byBus = new Map<number, number[]>();
  for (const index of tops) {
    const fn = functions[index];
    if (fn === undefined || parent[index] !== ON_ROOT_BUS) continue;
    const bus = rootBusOf(fn);
    const list = byBus.get(bus);
    if (list === undefined) byBus.set(bus, [index]);
    else list.push(index);
  }
  const rootIndexByTop = new Map<number, number>();
  const roots = [...byBus.entries()]
    .sort(([a], [b]) => a - b)
    .map(([rootBus, members], rootIndex) => {
      for (const member of members) rootIndexByTop.set(member, rootIndex);
      return { rootBus, functions: members.filter((member) => isOnBus(functions[member], rootBus)) };
    });
  return { roots, rootIndexByTop };
}

function rootBusOf(fn: PciFunction): number {
  return isUnknown(fn.attachment) ? busKeyOf(fn.bdf) : fn.attachment.rootBus;
}

/** VFs of an integrated endpoint hang from the root but may lie on a bus number of their own. */
function isOnBus(fn: PciFunction | undefined, bus: number): boolean {
  return fn !== undefined && busKeyOf(fn.bdf) === bus;
}

type Walk = Pick<TopologyTables, "root" | "depth" | "preorder" | "enter" | "exit">;

/** Numbers the trees depth first without recursion: a hostile chain may be as deep as there are functions. */
function walkDepthFirst(
  count: number,
  tops: readonly number[],
  childLists: readonly (readonly number[] | undefined)[],
  rootIndexByTop: ReadonlyMap<number, number>,
): Walk {
  const root = new Int32Array(count).fill(ROOT_BUS_HIDDEN);
  const depth = new Int32Array(count);
  const preorder = new Int32Array(count);
  const enter = new Int32Array(count);
  const exit = new Int32Array(count);
  const stack: number[] = [];
  let position = 0;
  for (const top of tops) {
    const rootIndex = rootIndexByTop.get(top) ?? ROOT_BUS_HIDDEN;
    let level = 0;
    stack.push(top);
    for (let index = stack.pop(); index !== undefined; index = stack.pop()) {
      if (index < 0) {
        exit[~index] = position;
        level--;
        continue;
      }
      root[index] = rootIndex;
      depth[index] = level++;
      enter[index] = position;
      preorder[position++] = index;
      stack.push(~index);
      for (const child of childLists[index]?.toReversed() ?? []) stack.push(child);
    }
  }
  return { root, depth, preorder, enter, exit };
}
