import { redirects } from "../pci/acs.ts";
import { entryAt, noEntry } from "../pci/entry-at.ts";
import { isUnknown } from "../pci/known.ts";
import { ROOT_BUS_HIDDEN, type Topology } from "../pci/topology.ts";
import type { HostBridgeOutcome } from "./host-bridge.ts";
import { BUS_ADDR, UNKNOWN } from "./map-type.ts";

/** In {@link PairArrays.hops}: the source does not show how the two are connected. */
export const HOPS_HIDDEN = 0xffff;

/** Verdicts of all pairs, provider-major: pair (i, j) stands at `i * clients + j`. */
export interface PairArrays {
  /** Bytes of `map-type.ts`. */
  readonly mapTypes: Uint8Array;
  /** Steps from the provider plus steps from the client. */
  readonly hops: Uint16Array;
}

/** What the host bridges say of a pair of root buses (indices, or `ROOT_BUS_HIDDEN`); with and without a redirected path. */
export interface HostBridgeDecisions {
  /** For a path that ACS redirects below one host bridge. */
  redirected(root: number): HostBridgeOutcome;
  /** For a pair that has no function in common. */
  apart(providerRoot: number, clientRoot: number): HostBridgeOutcome;
}

/**
 * All verdicts in one pass: each row starts as a copy of what a provider of its root bus and depth has with clients
 * that share no function with it; then one walk from the provider to its root bus writes, at each ancestor, one straight
 * run over the clients that meet it there. Sums of redirecting functions along root paths stand in for walking the
 * client's side. Mirrors `calc_map_type_and_dist` (Linux 7.2) pair by pair; `providers` and `clients` are indices of
 * functions.
 */
export function decidePairs(
  topology: Topology,
  providers: Int32Array,
  clients: Int32Array,
  hostBridges: HostBridgeDecisions,
): PairArrays {
  const sums = sumAlongRootPaths(topology);
  const columns = sortColumns(topology, clients, sums);
  const width = clients.length;
  const mapTypes = new Uint8Array(providers.length * width);
  const hops = new Uint16Array(providers.length * width);
  const background = new Background(topology, columns, hostBridges);
  // Clients mostly come in preorder: rows are then written where they belong, else beside and sorted in.
  const { order } = columns;
  const row: PairArrays =
    order === undefined ? { mapTypes, hops } : { mapTypes: new Uint8Array(width), hops: new Uint16Array(width) };
  for (const [index, provider] of providers.entries()) {
    const base = index * width;
    const start = order === undefined ? base : 0;
    background.copyTo(provider, row, start);
    fillMeetings(topology, provider, columns, sums, hostBridges, row, start);
    if (order === undefined) continue;
    for (let column = 0; column < width; column++) {
      const target = base + (order[column] ?? noEntry(column));
      mapTypes[target] = row.mapTypes[column] ?? UNKNOWN;
      hops[target] = row.hops[column] ?? HOPS_HIDDEN;
    }
  }
  return { mapTypes, hops };
}

/** Counts along the way from the root down to and including each function. */
interface PathSums {
  readonly redirecting: Int32Array;
  readonly hidden: Int32Array;
}

function sumAlongRootPaths(topology: Topology): PathSums {
  const { parent, preorder } = topology;
  const redirecting = new Int32Array(preorder.length);
  const hidden = new Int32Array(preorder.length);
  for (const index of preorder) {
    const above = entryAt(parent, index);
    const { acs } = topology.functionAt(index);
    const isHidden = acs !== null && isUnknown(acs);
    redirecting[index] = sumAt(redirecting, above) + (acs !== null && !isHidden && redirects(acs) ? 1 : 0);
    hidden[index] = sumAt(hidden, above) + (isHidden ? 1 : 0);
  }
  return { redirecting, hidden };
}

/** A sum down to a function, or down to what is above all functions. */
function sumAt(values: Int32Array, index: number): number {
  return index < 0 ? 0 : entryAt(values, index);
}

/** Clients in preorder, so that what is below a bridge is one run of columns. */
interface Columns {
  /** Position in the caller's order of each column; `undefined` where the two orders are the same. */
  readonly order: Int32Array | undefined;
  readonly count: number;
  readonly root: Int32Array;
  readonly depth: Int32Array;
  readonly redirectsAbove: Int32Array;
  readonly hiddenAbove: Int32Array;
  /** Columns before each preorder position, and behind the last one all of them. */
  readonly before: Int32Array;
}

function sortColumns(topology: Topology, clients: Int32Array, sums: PathSums): Columns {
  const { enter } = topology;
  const before = new Int32Array(topology.functions.length + 1);
  for (const client of clients) {
    const next = entryAt(enter, client) + 1;
    before[next] = entryAt(before, next) + 1;
  }
  let sum = 0;
  before.forEach((here, position) => {
    sum += here;
    before[position] = sum;
  });
  const free = before.slice();
  const order = new Int32Array(clients.length);
  let isInOrder = true;
  clients.forEach((client, place) => {
    const position = entryAt(enter, client);
    const column = entryAt(free, position);
    free[position] = column + 1;
    order[column] = place;
    if (column !== place) isInOrder = false;
  });
  const pick = (values: Int32Array): Int32Array => order.map((place) => entryAt(values, entryAt(clients, place)));
  return {
    order: isInOrder ? undefined : order,
    count: clients.length,
    root: pick(topology.root),
    depth: pick(topology.depth),
    redirectsAbove: pick(sums.redirecting),
    hiddenAbove: pick(sums.hidden),
    before,
  };
}

/** What a provider has with clients that share no function with it: the same for its whole root bus and depth. */
class Background {
  readonly #topology: Topology;
  readonly #columns: Columns;
  readonly #hostBridges: HostBridgeDecisions;
  /** Of the last provider; neighbours in enumeration order mostly need the same. */
  readonly #row: PairArrays;
  #root = -2;
  #depth = -1;

  constructor(topology: Topology, columns: Columns, hostBridges: HostBridgeDecisions) {
    this.#topology = topology;
    this.#columns = columns;
    this.#hostBridges = hostBridges;
    this.#row = { mapTypes: new Uint8Array(columns.count), hops: new Uint16Array(columns.count) };
  }

  copyTo(provider: number, row: PairArrays, start: number): void {
    const root = entryAt(this.#topology.root, provider);
    const depth = entryAt(this.#topology.depth, provider);
    const isNewRoot = root !== this.#root;
    if (isNewRoot) this.#fillMapTypes(root);
    if (isNewRoot || depth !== this.#depth) this.#fillHops(root, depth);
    this.#root = root;
    this.#depth = depth;
    row.mapTypes.set(this.#row.mapTypes, start);
    row.hops.set(this.#row.hops, start);
  }

  #fillMapTypes(root: number): void {
    const { mapTypes } = this.#row;
    let clientRoot = -2;
    let mapType = UNKNOWN;
    for (let column = 0; column < this.#columns.count; column++) {
      const next = this.#columns.root[column] ?? ROOT_BUS_HIDDEN;
      if (next !== clientRoot) {
        clientRoot = next;
        mapType =
          root === ROOT_BUS_HIDDEN || next === ROOT_BUS_HIDDEN ? UNKNOWN : this.#hostBridges.apart(root, next).mapType;
      }
      mapTypes[column] = mapType;
    }
  }

  #fillHops(root: number, depth: number): void {
    const { hops } = this.#row;
    for (let column = 0; column < this.#columns.count; column++) {
      const isHidden = root === ROOT_BUS_HIDDEN || this.#columns.root[column] === ROOT_BUS_HIDDEN;
      // The kernel's walk ends beyond both roots here: one step more on each side than there are functions above.
      hops[column] = isHidden ? HOPS_HIDDEN : depth + 2 + (this.#columns.depth[column] ?? noEntry(column));
    }
  }
}

/** Writes the clients that have a function in common with the provider, ancestor by ancestor. */
function fillMeetings(
  topology: Topology,
  provider: number,
  columns: Columns,
  sums: PathSums,
  hostBridges: HostBridgeDecisions,
  row: PairArrays,
  start: number,
): void {
  const { enter, exit, parent, depth } = topology;
  const { before } = columns;
  const providerDepth = entryAt(depth, provider);
  const redirected = hostBridges.redirected(entryAt(topology.root, provider)).mapType;
  let doneFrom = entryAt(before, entryAt(enter, provider));
  let doneTo = doneFrom;
  for (let meeting = provider; meeting >= 0; ) {
    const above = entryAt(parent, meeting);
    const run: Run = {
      // Redirecting functions from the provider up to and including the meeting point, less the sum that every column
      // carries down to the meeting point: added to a column's own sum this leaves both arms, and only them.
      redirecting: sum(sums.redirecting, provider, above, meeting),
      hidden: sum(sums.hidden, provider, above, meeting),
      hops: providerDepth - 2 * entryAt(depth, meeting),
      redirected,
    };
    const from = entryAt(before, entryAt(enter, meeting));
    const to = entryAt(before, entryAt(exit, meeting));
    fillRun(run, columns, from, doneFrom, row, start);
    fillRun(run, columns, doneTo, to, row, start);
    doneFrom = from;
    doneTo = to;
    meeting = above;
  }
}

/** What the provider's side adds for the clients of one run. */
interface Run {
  readonly redirecting: number;
  readonly hidden: number;
  readonly hops: number;
  readonly redirected: number;
}

function fillRun(run: Run, columns: Columns, from: number, to: number, row: PairArrays, start: number): void {
  const { redirectsAbove, hiddenAbove, depth } = columns;
  const { mapTypes, hops } = row;
  const { redirecting, hidden, redirected } = run;
  for (let column = from; column < to; column++) {
    const isRedirected = redirecting + (redirectsAbove[column] ?? noEntry(column)) > 0;
    const isHidden = hidden + (hiddenAbove[column] ?? noEntry(column)) > 0;
    mapTypes[start + column] = isRedirected ? redirected : isHidden ? UNKNOWN : BUS_ADDR;
    hops[start + column] = run.hops + (depth[column] ?? noEntry(column));
  }
}

function sum(values: Int32Array, provider: number, above: number, meeting: number): number {
  return entryAt(values, provider) - sumAt(values, above) - entryAt(values, meeting);
}
