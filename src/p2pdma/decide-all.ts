import { redirects } from "../pci/acs.ts";
import { isUnknown } from "../pci/known.ts";
import type { Topology } from "../pci/topology.ts";
import type { HostBridgeOutcome } from "./host-bridge.ts";
import { BUS_ADDR, UNKNOWN } from "./map-type.ts";

/** In {@link PairArrays.hops}: the source does not show how the two hang together. */
export const HOPS_HIDDEN = 0xffff;

/** Verdicts of all pairs, provider-major: pair (i, j) stands at `i * clients + j`. */
export interface PairArrays {
  /** Bytes of `map-type.ts`. */
  readonly mapTypes: Uint8Array;
  /** Steps from the provider plus steps from the client. */
  readonly hops: Uint16Array;
}

/** What the host bridges say of a pair of root buses (indices, -1 hidden); with and without a redirected path. */
export interface HostBridgeDecisions {
  /** For a path that ACS redirects below one host bridge. */
  redirected(root: number): HostBridgeOutcome;
  /** For a pair that has no function in common. */
  apart(providerRoot: number, clientRoot: number): HostBridgeOutcome;
}

/** Clients in preorder, so that what is below a bridge is one run of columns. */
interface Columns {
  /** Position in the caller's order of each column. */
  readonly client: Int32Array;
  readonly depth: Int32Array;
  readonly redirectsAbove: Int32Array;
  readonly hiddenAbove: Int32Array;
  /** Preorder position of each column. */
  readonly position: Int32Array;
}

/**
 * All verdicts in one pass: for each provider one walk to the root, and at each ancestor one straight run over the
 * clients that meet it there. Sums of redirecting functions along root paths stand in for walking the client's side.
 * Mirrors `calc_map_type_and_dist` (Linux 7.2) pair by pair; `providers` and `clients` are indices of functions.
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
  const rowMapTypes = new Uint8Array(width);
  const rowHops = new Uint16Array(width);
  const apart = new ApartRuns(topology, columns, hostBridges);
  for (let row = 0; row < providers.length; row++) {
    const provider = providers[row] ?? 0;
    fillRow(topology, provider, columns, sums, hostBridges, apart, rowMapTypes, rowHops);
    const base = row * width;
    for (let column = 0; column < width; column++) {
      const target = base + (columns.client[column] ?? 0);
      mapTypes[target] = rowMapTypes[column] ?? UNKNOWN;
      hops[target] = rowHops[column] ?? HOPS_HIDDEN;
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
  const { functions, parent, preorder } = topology;
  const redirecting = new Int32Array(functions.length);
  const hidden = new Int32Array(functions.length);
  for (const index of preorder) {
    const above = parent[index] ?? -1;
    const acs = functions[index]?.acs ?? null;
    const isHidden = acs !== null && isUnknown(acs);
    redirecting[index] =
      (above < 0 ? 0 : (redirecting[above] ?? 0)) + (acs !== null && !isHidden && redirects(acs) ? 1 : 0);
    hidden[index] = (above < 0 ? 0 : (hidden[above] ?? 0)) + (isHidden ? 1 : 0);
  }
  return { redirecting, hidden };
}

function sortColumns(topology: Topology, clients: Int32Array, sums: PathSums): Columns {
  const { enter, depth } = topology;
  const client = Int32Array.from(clients.keys()).sort(
    (a, b) => (enter[clients[a] ?? 0] ?? 0) - (enter[clients[b] ?? 0] ?? 0),
  );
  const pick = (values: Int32Array): Int32Array => client.map((column) => values[clients[column] ?? 0] ?? 0);
  return {
    client,
    depth: pick(depth),
    redirectsAbove: pick(sums.redirecting),
    hiddenAbove: pick(sums.hidden),
    position: pick(enter),
  };
}

/** First column at or after preorder position `position`. */
function lowerBound(positions: Int32Array, position: number): number {
  let low = 0;
  let high = positions.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((positions[middle] ?? 0) < position) low = middle + 1;
    else high = middle;
  }
  return low;
}

function fillRow(
  topology: Topology,
  provider: number,
  columns: Columns,
  sums: PathSums,
  hostBridges: HostBridgeDecisions,
  apart: ApartRuns,
  mapTypes: Uint8Array,
  hops: Uint16Array,
): void {
  const { enter, exit, parent, depth } = topology;
  const providerDepth = depth[provider] ?? 0;
  const redirected = hostBridges.redirected(topology.root[provider] ?? -1).mapType;
  let doneFrom = 0;
  let doneTo = 0;
  for (let meeting = provider; meeting >= 0; meeting = parent[meeting] ?? -1) {
    const from = lowerBound(columns.position, enter[meeting] ?? 0);
    const to = lowerBound(columns.position, exit[meeting] ?? 0);
    const above = parent[meeting] ?? -1;
    // Redirecting functions from the provider up to and including the meeting point, less the sum that every column
    // carries down to the meeting point: added to a column's own sum this leaves both arms, and only them.
    const redirecting = sum(sums.redirecting, provider, above, meeting);
    const hidden = sum(sums.hidden, provider, above, meeting);
    const hopsBase = providerDepth - 2 * (depth[meeting] ?? 0);
    const fill = (start: number, end: number): void => {
      for (let column = start; column < end; column++) {
        const isRedirected = redirecting + (columns.redirectsAbove[column] ?? 0) > 0;
        const isHidden = hidden + (columns.hiddenAbove[column] ?? 0) > 0;
        mapTypes[column] = isRedirected ? redirected : isHidden ? UNKNOWN : BUS_ADDR;
        hops[column] = hopsBase + (columns.depth[column] ?? 0);
      }
    };
    if (doneTo === doneFrom) {
      fill(from, to);
    } else {
      fill(from, doneFrom);
      fill(doneTo, to);
    }
    if (to > from) {
      doneFrom = from;
      doneTo = to;
    }
  }
  apart.fill(provider, doneFrom, doneTo, mapTypes, hops);
}

function sum(values: Int32Array, provider: number, above: number, meeting: number): number {
  return (values[provider] ?? 0) - (above < 0 ? 0 : (values[above] ?? 0)) - (values[meeting] ?? 0);
}

/** Fills the clients that share no function with the provider, run by run of columns below one top. */
class ApartRuns {
  readonly #topology: Topology;
  readonly #columns: Columns;
  readonly #hostBridges: HostBridgeDecisions;
  /** Runs of columns of one root bus (or one hidden part), as start, end, root. */
  readonly #runs: Int32Array;

  constructor(topology: Topology, columns: Columns, hostBridges: HostBridgeDecisions) {
    this.#topology = topology;
    this.#columns = columns;
    this.#hostBridges = hostBridges;
    const runs: number[] = [];
    let start = 0;
    for (let column = 1; column <= columns.position.length; column++) {
      if (column < columns.position.length && this.#rootOf(column) === this.#rootOf(start)) continue;
      runs.push(start, column, this.#rootOf(start));
      start = column;
    }
    this.#runs = Int32Array.from(runs);
  }

  #rootOf(column: number): number {
    return this.#topology.root[this.#topology.preorder[this.#columns.position[column] ?? 0] ?? 0] ?? -1;
  }

  fill(provider: number, doneFrom: number, doneTo: number, mapTypes: Uint8Array, hops: Uint16Array): void {
    const providerRoot = this.#topology.root[provider] ?? -1;
    // The kernel's walk ends beyond both roots here: one step more on each side than there are functions above.
    const hopsBase = (this.#topology.depth[provider] ?? 0) + 2;
    for (let run = 0; run < this.#runs.length; run += 3) {
      const clientRoot = this.#runs[run + 2] ?? -1;
      const hidden = providerRoot < 0 || clientRoot < 0;
      const mapType = hidden ? UNKNOWN : this.#hostBridges.apart(providerRoot, clientRoot).mapType;
      const end = this.#runs[run + 1] ?? 0;
      for (let column = this.#runs[run] ?? 0; column < end; column++) {
        if (column >= doneFrom && column < doneTo) continue;
        mapTypes[column] = mapType;
        hops[column] = hidden ? HOPS_HIDDEN : hopsBase + (this.#columns.depth[column] ?? 0);
      }
    }
  }
}
