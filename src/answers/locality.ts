import type { Machine } from "../host/machine.ts";
import { type Bdf, busKeyOf } from "../pci/bdf.ts";
import { isBridge } from "../pci/device-kind.ts";
import { isUnknown, type Known, unknown } from "../pci/known.ts";
import type { Topology } from "../pci/topology.ts";
import type { PairPath } from "../rules/verdict.ts";

/**
 * How far apart two functions are, by the words of `nvidia-smi topo -m` (its legend, 2017 and newer): `PIX` with at most
 * one switch or bridge between them, `PXB` with several and no host bridge, `PHB` below one host bridge, `NODE` below two
 * of one NUMA node, `SYS` of two. A switch is one, whichever of its ports are on the way.
 */
export const LOCALITIES = ["PIX", "PXB", "PHB", "NODE", "SYS"] as const;

/** One of {@link LOCALITIES}, the nearest first. */
export type Locality = (typeof LOCALITIES)[number];

/** What may hold where the source does not show which. */
export type OpenLocality = "PIX or PXB" | "NODE or SYS" | "hidden";

/** The locality of one pair; `null` for a function with itself. */
export interface PairLocality {
  readonly is: Known<Locality> | null;
  /** In two words at most, for a cell: what it is, or what it may be. */
  readonly word: Locality | OpenLocality | "";
}

const IS_ITSELF: PairLocality = { is: null, word: "" };
const SWITCHES_HIDDEN = unknown("PIX or PXB: the source does not show which bridges are one switch");
const NODES_HIDDEN = unknown("NODE or SYS: the source does not show the NUMA nodes of both");
const TREE_HIDDEN = unknown("the source does not show how the two are connected");

/** The localities of a machine's pairs. */
export class Localities {
  readonly #topology: Topology;
  /** NUMA nodes of host bridges, by root bus. */
  readonly #nodes = new Map<number, Known<number | null>>();

  constructor(machine: Machine, topology: Topology) {
    this.#topology = topology;
    if (isUnknown(machine.hostBridges)) return;
    for (const { rootBus, numaNode } of machine.hostBridges) this.#nodes.set(rootBus, numaNode);
  }

  of({ provider, client, meeting, path }: PairPath): PairLocality {
    if (provider === client) return IS_ITSELF;
    if (meeting !== null) return this.#belowBridge(path);
    const [a, b] = [provider, client].map((bdf) => this.#topology.rootOf(this.#topology.indexOf(bdf)));
    if (a === undefined || b === undefined) return { is: TREE_HIDDEN, word: "hidden" };
    if (a === b) return known("PHB");
    const nodes = [this.#nodeOf(provider), this.#nodeOf(client)];
    if (nodes.some((node) => node === undefined)) return { is: NODES_HIDDEN, word: "NODE or SYS" };
    return known(nodes[0] === nodes[1] ? "NODE" : "SYS");
  }

  #belowBridge(path: readonly Bdf[]): PairLocality {
    const between = path.map((bdf) => this.#topology.functionOf(bdf)).filter(isBridge);
    if (between.length <= 1) return known("PIX");
    const packages = new Set<Bdf>();
    for (const { bdf, express } of between) {
      if (isUnknown(express) || (express !== null && isUnknown(express.type))) {
        return { is: SWITCHES_HIDDEN, word: "PIX or PXB" };
      }
      const above = express?.type === "downstream-port" ? this.#topology.bridgeAbove(bdf) : undefined;
      packages.add(above?.bdf ?? bdf);
    }
    return known(packages.size <= 1 ? "PIX" : "PXB");
  }

  /** `undefined` where neither a function of the device nor its host bridge names a node. */
  #nodeOf(bdf: Bdf): number | undefined {
    const index = this.#topology.indexOf(bdf);
    for (const mate of [index, ...this.#topology.slotMates(index)]) {
      const { numaNode } = this.#topology.functionAt(mate);
      if (!isUnknown(numaNode) && numaNode !== null) return numaNode;
    }
    const root = this.#topology.rootBusOf(index);
    const node = this.#nodes.get(root?.rootBus ?? busKeyOf(bdf));
    return node === undefined || isUnknown(node) ? undefined : (node ?? undefined);
  }
}

function known(locality: Locality): PairLocality {
  return { is: locality, word: locality };
}
