import { type Bdf, formatBus } from "../pci/bdf.ts";
import { isUnknown, type Known } from "../pci/known.ts";
import type { Topology } from "../pci/topology.ts";
import type { MapType } from "../rules/verdict.ts";
import type { VerdictTable } from "../rules/verdict-table.ts";

/**
 * Where devices stand together: below one switch (the uppermost, where switches are nested) or another bridge that is not
 * a root port, else below one host bridge; `hidden` where the source does not show what is above.
 */
export type Place =
  | { readonly kind: "switch" | "bridge"; readonly bridge: Bdf }
  | { readonly kind: "host-bridge"; readonly rootBus: string }
  | { readonly kind: "hidden" };

/** Ordered pairs of an island's own devices, by map type. */
export type PairCounts = Readonly<Record<MapType, number>>;

/**
 * Devices of one place that are direct among themselves, or those of a place that are with no other there: one island,
 * as an engineer would say it.
 */
export interface Island {
  readonly place: Place;
  /** The node of all its devices; `null` where they differ or the source shows none. */
  readonly numaNode: number | null;
  /** In enumeration order. */
  readonly devices: readonly Bdf[];
  /** Its pairs of provider and client; none of a device with itself. */
  readonly pairs: PairCounts;
}

/** The islands of a table's devices, in the order of their first devices. Looks at each pair once. */
export function islandsOf(table: VerdictTable): readonly Island[] {
  const { topology } = table;
  const devices = devicesOf(table);
  const order = new Map(devices.map((bdf, index) => [bdf, index]));
  const places = new Map<string, { readonly place: Place; readonly devices: Bdf[] }>();
  for (const bdf of devices) {
    const place = placeOf(topology, bdf);
    const key = keyOf(place);
    const found = places.get(key) ?? { place, devices: [] };
    found.devices.push(bdf);
    places.set(key, found);
  }
  const positions = positionsOf(table);
  return [...places.values()]
    .flatMap(({ place, devices: there }) => partsOf(table, positions, there).map((part) => ({ place, devices: part })))
    .map(({ place, devices: part }) => islandOf(table, positions, place, part))
    .sort((a, b) => firstOf(a, order) - firstOf(b, order));
}

function firstOf({ devices: [first] }: Island, order: ReadonlyMap<Bdf, number>): number {
  return first === undefined ? order.size : (order.get(first) ?? order.size);
}

/** Providers and clients together, in enumeration order. */
function devicesOf({ machine, providers, clients }: VerdictTable): readonly Bdf[] {
  const wanted = new Set<Bdf>([...providers, ...clients]);
  return machine.functions.filter(({ bdf }) => wanted.has(bdf)).map(({ bdf }) => bdf);
}

function keyOf(place: Place): string {
  switch (place.kind) {
    case "hidden":
      return place.kind;
    case "host-bridge":
      return place.rootBus;
    default:
      return String(place.bridge);
  }
}

/** Where a device stands. */
export function placeOf(topology: Topology, bdf: Bdf): Place {
  const index = topology.indexOf(bdf);
  const above = topology.bridgesAbove(index);
  const root = topology.rootBusOf(index);
  const top = above.at(-1);
  if (top === undefined || !topology.isOnRootBus(top)) {
    return root === undefined ? { kind: "hidden" } : { kind: "host-bridge", rootBus: formatBus(root.rootBus) };
  }
  const isRootPort = typeOf(topology, top) === "root-port";
  const place = isRootPort ? above.at(-2) : top;
  if (place === undefined) {
    return root === undefined ? { kind: "hidden" } : { kind: "host-bridge", rootBus: formatBus(root.rootBus) };
  }
  const kind = typeOf(topology, place) === "upstream-port" ? "switch" : "bridge";
  return { kind, bridge: topology.functionAt(place).bdf };
}

/** The ports of a place that its devices hang below: root ports of a host bridge, downstream ports of a switch, in order. */
export function portsOfIsland(topology: Topology, { place, devices }: Island): readonly Bdf[] {
  const ports = devices.flatMap((bdf): Bdf[] => {
    const above = topology.bridgesAbove(topology.indexOf(bdf)).map((index) => topology.functionAt(index).bdf);
    const port = "bridge" in place ? above[above.indexOf(place.bridge) - 1] : above.at(-1);
    return port === undefined ? [] : [port];
  });
  return [...new Set(ports)];
}

function typeOf(topology: Topology, index: number): string | undefined {
  const { express } = topology.functionAt(index);
  if (isUnknown(express) || express === null || isUnknown(express.type)) return undefined;
  return express.type;
}

/** Positions of devices among a table's providers and clients. */
interface Positions {
  readonly provider: ReadonlyMap<Bdf, number>;
  readonly client: ReadonlyMap<Bdf, number>;
}

function positionsOf({ providers, clients }: VerdictTable): Positions {
  return {
    provider: new Map(providers.map((bdf, i) => [bdf, i])),
    client: new Map(clients.map((bdf, j) => [bdf, j])),
  };
}

/** The devices of a place by who is direct with whom, over others too; those that are with none are one part. */
function partsOf(table: VerdictTable, positions: Positions, devices: readonly Bdf[]): readonly (readonly Bdf[])[] {
  const head = devices.map((_, index) => index);
  const headOf = (index: number): number => {
    let at = index;
    while (head[at] !== at) at = head[at] as number;
    return at;
  };
  devices.forEach((provider, a) => {
    devices.forEach((client, b) => {
      if (a !== b && mapTypeOf(table, positions, provider, client) === "bus-addr") head[headOf(a)] = headOf(b);
    });
  });
  const parts = new Map<number, Bdf[]>();
  devices.forEach((bdf, index) => {
    const part = parts.get(headOf(index));
    if (part === undefined) parts.set(headOf(index), [bdf]);
    else part.push(bdf);
  });
  const together = [...parts.values()].filter((part) => part.length > 1);
  const alone = [...parts.values()].filter((part) => part.length === 1).flat();
  return alone.length === 0 ? together : [...together, alone];
}

function mapTypeOf(table: VerdictTable, { provider, client }: Positions, from: Bdf, to: Bdf): MapType | undefined {
  const [i, j] = [provider.get(from), client.get(to)];
  return i === undefined || j === undefined ? undefined : table.mapType(i, j);
}

function islandOf(table: VerdictTable, positions: Positions, place: Place, devices: readonly Bdf[]): Island {
  const pairs = { "bus-addr": 0, "thru-host-bridge": 0, "not-supported": 0, unknown: 0 };
  for (const provider of devices) {
    for (const client of devices) {
      const mapType = provider === client ? undefined : mapTypeOf(table, positions, provider, client);
      if (mapType !== undefined) pairs[mapType]++;
    }
  }
  const nodes = new Set(devices.map((bdf): Known<number | null> => table.topology.functionOf(bdf).numaNode));
  const [node = null] = nodes;
  const numaNode = nodes.size === 1 && node !== null && !isUnknown(node) ? node : null;
  return { place, numaNode, devices, pairs };
}
