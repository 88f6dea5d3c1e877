import { type Bdf, busKeyOf, busOf, domainOf, functionOf } from "../../pci/bdf.ts";
import { isUnknown } from "../../pci/known.ts";
import type { Reading } from "./reading.ts";
import type { TreeReader } from "./tree.ts";
import { isNeverVirtual } from "./virtual-functions.ts";

/** Addresses among which a function must be that no record describes: `from` up to `to`, exclusive. */
interface Range {
  readonly from: number;
  readonly to: number;
}

const BUS = 0x100;

/** A record where it stands in a text. */
export interface RecordPlace {
  readonly bdf: Bdf;
  /** It has more than a first line. */
  readonly isVerbose: boolean;
}

/**
 * The records behind which functions are left out. Where somebody cut lines out of the middle of a text, the first lines
 * of the last function that is lost are gone, and its other lines follow those of the function before: so what the record
 * before a lost function says may be of another. Functions are lost that a list or a tree names, the first function of
 * a device, the bridge above a bus, and what is below a port whose link is up. `order` has the records of the text,
 * `readings` all functions in ascending order of address.
 */
export function besideLostFunctions(
  order: readonly RecordPlace[],
  readings: readonly (readonly [Bdf, Reading])[],
  tree: TreeReader,
): ReadonlySet<Bdf> {
  const described = new Set(order.filter(({ isVerbose }) => isVerbose).map(({ bdf }) => bdf));
  const lost = new Ranges([
    ...readings.filter(([bdf]) => !described.has(bdf)).map(([bdf]): Range => ({ from: bdf, to: bdf + 1 })),
    ...firstFunctions(readings),
    ...bridgesAbove(readings, tree),
    ...functionsBelow(readings, tree),
  ]);
  // Through a bridge below which nothing is shown no path goes.
  const idle = new Set(
    busesBelow(readings)
      .filter((buses) => !isAnyShown(buses, readings))
      .map(({ bdf }) => bdf),
  );
  const beside = new Set<Bdf>();
  order.forEach(({ bdf, isVerbose }, index) => {
    if (!isVerbose || idle.has(bdf)) return;
    const next = order[index + 1]?.bdf;
    const end = next === undefined || next <= bdf ? Number.POSITIVE_INFINITY : next;
    if (lost.isAnyWithin(bdf + 1, end)) beside.add(bdf);
  });
  return beside;
}

/** Ranges in order of their beginnings, each with the furthest end of those up to it. */
class Ranges {
  readonly #sorted: readonly Range[];
  readonly #ends: readonly number[];

  constructor(ranges: readonly Range[]) {
    this.#sorted = [...ranges].sort((a, b) => a.from - b.from);
    let end = 0;
    this.#ends = this.#sorted.map(({ to }) => (end = Math.max(end, to)));
  }

  /** True where a range has an address from `from` up to `to`, exclusive. */
  isAnyWithin(from: number, to: number): boolean {
    const last = firstIndex(this.#sorted, (range) => range.from >= to) - 1;
    return last >= 0 && (this.#ends[last] ?? 0) > from;
  }
}

/** The first index of a sorted list at which `isBehind` holds, its length where at none. */
function firstIndex<T>(list: readonly T[], isBehind: (one: T) => boolean): number {
  let [from, to] = [0, list.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (isBehind(list[middle] as T)) to = middle;
    else from = middle + 1;
  }
  return from;
}

/** A device has a function 0, unless all that is seen of it may be virtual functions. */
function firstFunctions(readings: readonly (readonly [Bdf, Reading])[]): readonly Range[] {
  const there = new Set(readings.map(([bdf]) => bdf));
  return readings
    .filter(([bdf, reading]) => isNeverVirtual(reading) && !there.has((bdf - functionOf(bdf)) as Bdf))
    .map(([bdf]) => ({ from: bdf - functionOf(bdf), to: bdf - functionOf(bdf) + 1 }));
}

/** The bus numbers below a bridge, as `busKeyOf` counts them. */
interface Buses {
  readonly bdf: Bdf;
  readonly reading: Reading;
  readonly first: number;
  readonly last: number;
}

function busesBelow(readings: readonly (readonly [Bdf, Reading])[]): readonly Buses[] {
  return readings.flatMap(([bdf, reading]) => {
    const { bridge } = reading;
    if (isUnknown(bridge) || bridge === null || bridge.secondary === 0) return [];
    const domain = domainOf(bdf) * BUS;
    return [{ bdf, reading, first: domain + bridge.secondary, last: domain + bridge.subordinate }];
  });
}

/** True where a function is shown on one of the buses; `readings` are in order. */
function isAnyShown({ first, last }: Buses, readings: readonly (readonly [Bdf, Reading])[]): boolean {
  const found = readings[firstIndex(readings, ([bdf]) => busKeyOf(bdf) >= first)];
  return found !== undefined && busKeyOf(found[0]) <= last;
}

/** Below links there is a port above: of functions that can be nowhere else no bridge may be shown. */
function bridgesAbove(readings: readonly (readonly [Bdf, Reading])[], tree: TreeReader): readonly Range[] {
  const bridges = busesBelow(readings);
  const firsts = new Set(bridges.map(({ first }) => first));
  const roots = new Set(readings.filter(([, reading]) => isOnRootBus(reading)).map(([bdf]) => busKeyOf(bdf)));
  const orphaned = new Set<number>();
  for (const [bdf, reading] of readings) {
    const bus = busKeyOf(bdf);
    if (busOf(bdf) === 0 || roots.has(bus) || firsts.has(bus) || tree.nodes.has(bdf)) continue;
    if (isBelowLink(reading) && isNeverVirtual(reading)) orphaned.add(bus);
  }
  return [...orphaned].map((bus) => {
    const above = bridges.filter(({ first, last }) => first < bus && bus <= last).map(({ first }) => first);
    return { from: Math.max(Math.floor(bus / BUS) * BUS, ...above) * BUS, to: bus * BUS };
  });
}

/** What a link leads to: functions below a port that shows one, or below a switch. */
function functionsBelow(readings: readonly (readonly [Bdf, Reading])[], tree: TreeReader): readonly Range[] {
  return busesBelow(readings)
    .filter(({ bdf, reading }) => (reading.isLinkUp || typeOf(reading) === "upstream-port") && !tree.nodes.has(bdf))
    .filter((buses) => !isAnyShown(buses, readings))
    .map(({ first, last }) => ({ from: first * BUS, to: (last + 1) * BUS }));
}

function typeOf({ express }: Reading): unknown {
  return isUnknown(express) || express === null ? undefined : express.type;
}

const belowLinks: ReadonlySet<unknown> = new Set([
  "endpoint",
  "legacy-endpoint",
  "upstream-port",
  "downstream-port",
  "pcie-to-pci-bridge",
]);

function isBelowLink(reading: Reading): boolean {
  return belowLinks.has(typeOf(reading));
}

const onRootBuses: ReadonlySet<unknown> = new Set([
  "root-port",
  "root-complex-endpoint",
  "root-complex-event-collector",
]);

function isOnRootBus(reading: Reading): boolean {
  return reading.classKind === 0x0600 || onRootBuses.has(typeOf(reading));
}
