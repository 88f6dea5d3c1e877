import type { Bdf } from "../pci/bdf.ts";
import { isUnknown, type Known, unknown } from "../pci/known.ts";
import type { Topology } from "../pci/topology.ts";
import { physicalOf } from "../pci/virtual-functions.ts";
import type { PeerDirection } from "../routes/peer-routes.ts";
import type { VerdictTable } from "../rules/verdict-table.ts";
import { type DataPath, dataPath, directPath } from "./crossings.ts";
import { type Amount, askedPath } from "./hops.ts";
import { LARGE_BYTES, type Prediction, predictionsOf, predictPath } from "./predict.ts";

/** One stream of reads or writes, by the positions of its provider and its client in a table. */
export interface Flow {
  readonly provider: number;
  readonly client: number;
  readonly operation: PeerDirection;
}

/** What one of several flows gets. */
export interface FlowShare {
  /** 10^9 data bytes per second beside the others. */
  readonly gbps: number;
  /** What it would have alone. */
  readonly alone: Prediction;
}

/**
 * What each of several flows of a table gets where all run at once: max-min fair shares. Unknown where a flow has no
 * prediction, which then takes nothing from the others. MODEL: every port shares its link out evenly among the flows that
 * want it and none stops another; writes that wait behind others of their port (as in all-to-all), and switches that slow
 * down under several sources, carry less.
 */
export function sharesOf(
  table: VerdictTable,
  flows: readonly Flow[],
  { sizeBytes = LARGE_BYTES, windowBytes = null }: Partial<Amount> = {},
): readonly Known<FlowShare>[] {
  const predictions = predictionsOf(table);
  const each = flows.map(({ provider, client, operation }) =>
    predictions.at(provider, client, operation, sizeBytes, windowBytes),
  );
  const shares = shareOut(
    table.topology,
    each.flatMap((prediction) => (isUnknown(prediction) ? [] : [prediction])),
  );
  let next = 0;
  return each.map((alone) => (isUnknown(alone) ? alone : { gbps: shares[next++] ?? 0, alone }));
}

/** The same of predictions on one machine: 10^9 data bytes per second of each. */
export function shareOut(topology: Topology, predictions: readonly Prediction[]): readonly number[] {
  return maxMinShares(predictions.map((prediction, at) => loadsOf(topology, prediction, at)));
}

/** What a flow takes of one thing that others may use too: the part of its time, for each 10^9 bytes per second. */
export interface FlowLoad {
  readonly on: string;
  readonly part: number;
}

/**
 * Max-min fair rates of flows by what each takes of what: all grow alike until something is full; those that use it stay
 * where they are, and the others go on (water-filling). A flow that uses nothing gets `Infinity`.
 */
export function maxMinShares(flows: readonly (readonly FlowLoad[])[]): readonly number[] {
  const shares = flows.map(() => Number.POSITIVE_INFINITY);
  let growing = new Set(flows.flatMap((loads, at) => (loads.some(({ part }) => part > 0) ? [at] : [])));
  while (growing.size > 0) {
    const taken = new Map<string, number>();
    const wanted = new Map<string, number>();
    flows.forEach((loads, at) => {
      for (const { on, part } of loads) {
        if (part === 0) continue;
        if (growing.has(at)) wanted.set(on, (wanted.get(on) ?? 0) + part);
        else taken.set(on, (taken.get(on) ?? 0) + part * (shares[at] ?? 0));
      }
    });
    const levels = [...wanted].map(([on, part]) => ({ on, level: Math.max(0, 1 - (taken.get(on) ?? 0)) / part }));
    const level = Math.min(...levels.map((each) => each.level));
    const full = new Set(levels.filter((each) => each.level <= level * (1 + 1e-12)).map(({ on }) => on));
    const stopped = [...growing].filter((at) => flows[at]?.some(({ on, part }) => part > 0 && full.has(on)));
    for (const at of stopped) shares[at] = level;
    growing = new Set([...growing].filter((at) => !stopped.includes(at)));
  }
  return shares;
}

const OTHER_WAY = { up: "down", down: "up" } as const;

/** What a flow takes: of each link both ways, of who reads, and of the root complex for itself. */
function loadsOf(topology: Topology, prediction: Prediction, at: number): readonly FlowLoad[] {
  return prediction.hops.flatMap((hop): readonly FlowLoad[] => {
    const part = 1 / hop.value;
    // MODEL: what the root complex carries of one pair it carries of each: two pairs across sockets got twice of it.
    if (hop.kind === "iommu") return [{ on: `IOMMU for ${at}`, part }];
    if (hop.kind === "root-complex") return [{ on: `root complex for ${at}`, part }];
    if (hop.kind === "reads-in-flight") return [{ on: `reads of ${hop.at}`, part }];
    if (hop.at === null || hop.towards === null) return [];
    const link = linkOf(topology, hop.at);
    return [
      { on: `${link} ${hop.towards}`, part },
      { on: `${link} ${OTHER_WAY[hop.towards]}`, part: part * hop.otherWay },
    ];
  });
}

/** One name for a link, whichever of the functions at its lower end crosses it. */
export function linkOf(topology: Topology, below: Bdf): Bdf {
  const fn = topology.functionOf(below);
  const index = topology.indexOf(physicalOf(fn) ?? below);
  const first = Math.min(index, ...topology.slotMates(index));
  return topology.functionAt(first).bdf;
}

/** Both directions of one pair at once. */
export interface BothWays {
  /** 10^9 data bytes per second that the client writes into the provider, and back. */
  readonly thereGBps: number;
  readonly backGBps: number;
  /** Functions at the lower ends of links that both cross the same way, as data that turns at the root complex does. */
  readonly shared: readonly Bdf[];
  /** 10^9 bytes per second of both together if they turned in the switch that both are below; `null` where they do, or cannot. */
  readonly directGBps: number | null;
}

/**
 * What a pair carries where both ends write to each other at once, as tests of both directions do. Unknown where one way
 * is. MODEL: the provider writes along the way that its answers to reads take.
 */
export function bothWaysOf(
  table: VerdictTable,
  i: number,
  j: number,
  sizeBytes: number = LARGE_BYTES,
  windowBytes: number | null = null,
): Known<BothWays> {
  const there = dataPath(table, i, j, "write");
  if (isUnknown(there)) return there;
  const answers = dataPath(table, i, j, "read");
  if (isUnknown(answers)) return answers;
  // What has no figure one way has none both ways, and what is a bound one way says too little of both.
  const alone = predictionsOf(table).at(i, j, "write", sizeBytes, windowBytes);
  if (isUnknown(alone)) return alone;
  const hidden = [...there.crossings, ...answers.crossings].find(({ kind }) => kind === "hidden-link");
  if (hidden?.kind === "hidden-link") return unknown(hidden.why);
  const amount = { sizeBytes, windowBytes };
  const [thereGBps = 0, backGBps = 0] = writesAtOnce(table, [there, answers], amount);
  const direct =
    there.turn === "root-complex"
      ? (["write", "read"] as const).flatMap((operation) => directPath(table, i, j, operation) ?? [])
      : [];
  const turned = writesAtOnce(table, direct, amount);
  return {
    thereGBps,
    backGBps,
    shared: sharedLinks(table.topology, there, answers),
    directGBps: turned.length === 0 ? null : turned.reduce((sum, gbps) => sum + gbps, 0),
  };
}

/** What writes along some ways get where all run at once. */
function writesAtOnce(table: VerdictTable, paths: readonly DataPath[], amount: Amount): readonly number[] {
  const { machine, topology } = table;
  const predictions = paths.map((each) => {
    const path: DataPath = { ...each, operation: "write" };
    return predictPath(askedPath(machine, topology, path, path.sender, amount));
  });
  return shareOut(topology, predictions);
}

function sharedLinks(topology: Topology, a: DataPath, b: DataPath): readonly Bdf[] {
  const names = ({ crossings }: DataPath): readonly string[] =>
    crossings.flatMap((each) =>
      each.kind === "root-complex" ? [] : [`${linkOf(topology, each.below)} ${each.towards}`],
    );
  const others = new Set(names(b));
  const shared = a.crossings.flatMap((each) => {
    if (each.kind === "root-complex") return [];
    return others.has(`${linkOf(topology, each.below)} ${each.towards}`) ? [each.below] : [];
  });
  return [...new Set(shared)];
}
