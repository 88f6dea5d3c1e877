import { type Bdf, formatBdf, slotOf } from "./bdf.ts";
import { PeerlaneError } from "./error.ts";
import type { PciFunction } from "./function.ts";

/** In {@link Topology.parent}: the function sits on a root bus. */
export const ON_ROOT_BUS = -1;
/** In {@link Topology.parent}: the source does not show what is above the function. */
export const PARENT_HIDDEN = -2;
/** In {@link Topology.root}: the source does not show the root bus above the function. */
export const ROOT_BUS_HIDDEN = -1;

/** A root bus below a host bridge. One host bridge = one root bus. */
export interface RootBus {
  /** Domain and bus (`busKeyOf`). */
  readonly rootBus: number;
  /** Indices of the functions on it, in enumeration order; VFs are left out. */
  readonly functions: readonly number[];
}

/** What a topology is made of: the tree as tables, each with an entry for every function. */
export interface TopologyTables {
  readonly functions: readonly PciFunction[];
  /** Index of the bridge directly above (`pci_upstream_bridge`: a VF takes its PF's), or -1 (`ON_ROOT_BUS`) or -2 (`PARENT_HIDDEN`). */
  readonly parent: Int32Array;
  /** Index into `roots` of the root bus above, -1 (`ROOT_BUS_HIDDEN`) where that is hidden. */
  readonly root: Int32Array;
  /** Functions above: 0 on a root bus and for the top of a part whose upper end is hidden. */
  readonly depth: Int32Array;
  /** All indices, each bridge before what is below it; what is below stays together. */
  readonly preorder: Int32Array;
  /** Position of a function in `preorder`, and the end (exclusive) of what is below it. */
  readonly enter: Int32Array;
  readonly exit: Int32Array;
  readonly roots: readonly RootBus[];
  /** Functions whose parent is hidden. */
  readonly hiddenTops: readonly number[];
  /** Contradictions in the source, as sentences. */
  readonly oddities: readonly string[];
}

const none: readonly number[] = [];

/**
 * How the functions of a machine hang together. Functions are named by their index in `functions`. The typed arrays are
 * for passes over all functions or pairs; everything else asks. `buildTopology` makes one.
 */
export class Topology implements TopologyTables {
  readonly functions: readonly PciFunction[];
  readonly parent: Int32Array;
  readonly root: Int32Array;
  readonly depth: Int32Array;
  readonly preorder: Int32Array;
  readonly enter: Int32Array;
  readonly exit: Int32Array;
  readonly roots: readonly RootBus[];
  readonly hiddenTops: readonly number[];
  readonly oddities: readonly string[];
  readonly #indexByBdf: ReadonlyMap<Bdf, number>;
  readonly #children: readonly (readonly number[] | undefined)[];
  #slots: ReadonlyMap<number, readonly number[]> | undefined;

  constructor(
    tables: TopologyTables,
    indexByBdf: ReadonlyMap<Bdf, number>,
    children: readonly (readonly number[] | undefined)[],
  ) {
    this.functions = tables.functions;
    this.parent = tables.parent;
    this.root = tables.root;
    this.depth = tables.depth;
    this.preorder = tables.preorder;
    this.enter = tables.enter;
    this.exit = tables.exit;
    this.roots = tables.roots;
    this.hiddenTops = tables.hiddenTops;
    this.oddities = tables.oddities;
    this.#indexByBdf = indexByBdf;
    this.#children = children;
  }

  /** Whether the machine has a function of this address. */
  has(bdf: Bdf): boolean {
    return this.#indexByBdf.has(bdf);
  }

  /** The function of an address, `undefined` where the machine has none. */
  find(bdf: Bdf): PciFunction | undefined {
    const index = this.#indexByBdf.get(bdf);
    return index === undefined ? undefined : this.functions[index];
  }

  /** Index of the function of an address. Throws `unknown-device` where the machine has none: {@link has} tells. */
  indexOf(bdf: Bdf): number {
    const index = this.#indexByBdf.get(bdf);
    if (index === undefined) throw new PeerlaneError("unknown-device", `no function ${formatBdf(bdf)} in this machine`);
    return index;
  }

  /** The function of an address. Throws `unknown-device` where the machine has none: {@link find} does not. */
  functionOf(bdf: Bdf): PciFunction {
    return this.functionAt(this.indexOf(bdf));
  }

  /** The function of an index. Throws `RangeError` for what is none. */
  functionAt(index: number): PciFunction {
    return this.#entry(this.functions, index);
  }

  #entry<T>(entries: { readonly [index: number]: T }, index: number): T {
    const entry = entries[index];
    if (entry === undefined) throw new RangeError(`no function ${index} among ${this.functions.length}`);
    return entry;
  }

  /** Index of the bridge directly above; `undefined` on a root bus ({@link isOnRootBus}) and where the source hides it. */
  parentOf(index: number): number | undefined {
    const above = this.#entry(this.parent, index);
    return above < 0 ? undefined : above;
  }

  /** The bridge directly above a function, as {@link parentOf}. */
  bridgeAbove(bdf: Bdf): PciFunction | undefined {
    const above = this.parentOf(this.indexOf(bdf));
    return above === undefined ? undefined : this.functionAt(above);
  }

  /** True where nothing but a host bridge is above; false also where the source hides what is. */
  isOnRootBus(index: number): boolean {
    return this.#entry(this.parent, index) === ON_ROOT_BUS;
  }

  /** Indices of the bridges above, the nearest first, as far up as the source shows. */
  bridgesAbove(index: number): readonly number[] {
    const above: number[] = [];
    for (let bridge = this.parentOf(index); bridge !== undefined; bridge = this.parentOf(bridge)) above.push(bridge);
    return above;
  }

  /** Index into `roots` of the root bus above; `undefined` where the source hides it. */
  rootOf(index: number): number | undefined {
    const root = this.#entry(this.root, index);
    return root === ROOT_BUS_HIDDEN ? undefined : root;
  }

  /** The root bus above; `undefined` where the source hides it. */
  rootBusOf(index: number): RootBus | undefined {
    const root = this.rootOf(index);
    return root === undefined ? undefined : this.roots[root];
  }

  /** Indices directly below, in enumeration order. */
  children(index: number): readonly number[] {
    this.functionAt(index);
    return this.#children[index] ?? none;
  }

  /** A function and all below it, each bridge before what is below it. */
  subtreeOf(index: number): Int32Array {
    return this.preorder.subarray(this.#entry(this.enter, index), this.#entry(this.exit, index));
  }

  /** Whether a function is another one, or anywhere below it. */
  isAtOrBelow(index: number, bridge: number): boolean {
    const place = this.#entry(this.enter, index);
    return this.#entry(this.enter, bridge) <= place && place < this.#entry(this.exit, bridge);
  }

  /** The functions of one bus and device number, itself among them, in enumeration order. */
  slotMates(index: number): readonly number[] {
    this.#slots ??= slotsOf(this.functions);
    return this.#slots.get(slotOf(this.functionAt(index).bdf)) ?? none;
  }
}

function slotsOf(functions: readonly PciFunction[]): ReadonlyMap<number, readonly number[]> {
  const slots = new Map<number, number[]>();
  functions.forEach(({ bdf }, index) => {
    const slot = slotOf(bdf);
    const mates = slots.get(slot);
    if (mates === undefined) slots.set(slot, [index]);
    else mates.push(index);
  });
  return slots;
}
