import type { Machine } from "../../host/machine.ts";
import { topologyOf } from "../../host/machine.ts";
import { type Bdf, deviceOf, formatBdf } from "../../pci/bdf.ts";
import type { PciFunction } from "../../pci/function.ts";
import { isUnknown } from "../../pci/known.ts";
import type { Topology } from "../../pci/topology.ts";
import type { Change } from "../what-if/change.ts";
import type { Idea, Pair } from "./idea.ts";

/** More ports than this are not tried: each trial boots the machine anew on paper. */
const MAX_PORTS = 96;

/**
 * The pair in other slots: one of the two below a port that is empty, or in the place of a device below the port's
 * neighbour, which takes the old place. Ports next to the other device come first.
 */
export function slotIdeas(machine: Machine, { provider, client }: Pair): readonly Idea[] {
  const topology = topologyOf(machine);
  const ideas: Idea[] = [];
  if (slotOf(provider) === slotOf(client)) return ideas;
  for (const [mover, other] of [
    [client, provider],
    [provider, client],
  ] as const) {
    if (!hasSlot(topology, mover)) continue;
    const ports = portsNear(topology, other).filter((port) => port !== upstreamOf(topology, mover));
    for (const port of ports) {
      const idea = ideaFor(topology, mover, other, port);
      if (idea !== null) ideas.push(idea);
    }
  }
  return ideas;
}

/** Bus and device: what sits in one slot. */
function slotOf(bdf: Bdf): number {
  return Math.floor(bdf / 8);
}

function functionAt(topology: Topology, index: number): PciFunction | undefined {
  return topology.functions[index];
}

function portType(fn: PciFunction | undefined): string | null {
  if (fn === undefined || isUnknown(fn.express) || fn.express === null) return null;
  return isUnknown(fn.express.type) ? null : fn.express.type;
}

function upstreamOf(topology: Topology, bdf: Bdf): number {
  return topology.parent[topology.indexOf(bdf) ?? -1] ?? -1;
}

/** Only what hangs alone from a port was put there by hand. */
function hasSlot(topology: Topology, bdf: Bdf): boolean {
  const type = portType(functionAt(topology, upstreamOf(topology, bdf)));
  return type === "root-port" || type === "downstream-port";
}

/** Ports that have a slot, the ones that share most of their way with `near` first. */
function portsNear(topology: Topology, near: Bdf): readonly number[] {
  const above: number[] = [];
  for (let index = upstreamOf(topology, near); index >= 0; index = topology.parent[index] ?? -1) above.push(index);
  const closeness = (port: number): number => {
    const { enter, exit } = topology;
    const meeting = above.findIndex((bridge) => {
      const place = enter[port] ?? 0;
      return (enter[bridge] ?? 0) <= place && place < (exit[bridge] ?? 0);
    });
    return meeting < 0 ? above.length : meeting;
  };
  return topology.functions
    .flatMap((fn, index) => {
      const type = portType(fn);
      const isSlot = type === "root-port" || type === "downstream-port";
      return isSlot && !above.includes(index) ? [{ index, closeness: closeness(index) }] : [];
    })
    .sort((a, b) => a.closeness - b.closeness)
    .slice(0, MAX_PORTS)
    .map(({ index }) => index);
}

function ideaFor(topology: Topology, mover: Bdf, other: Bdf, port: number): Idea | null {
  const under = functionAt(topology, port) as PciFunction;
  const occupant = topology.children(port).map((index) => functionAt(topology, index) as PciFunction)[0];
  const old = functionAt(topology, upstreamOf(topology, mover)) as PciFunction;
  if (occupant !== undefined && (occupant.bdf === other || occupant.bridge !== null)) return null;
  const changes: Change[] = [{ kind: "move", device: mover, under: under.bdf }];
  if (occupant !== undefined) changes.push({ kind: "move", device: occupant.bdf, under: old.bdf });
  const what =
    occupant === undefined
      ? `put ${formatBdf(mover)} into the free slot below ${portName(under)}`
      : `let ${formatBdf(mover)} and ${formatBdf(occupant.bdf)} change places (below ${portName(under)})`;
  return {
    kind: "slot",
    title: what,
    changes,
    lasting: "from-next-boot",
    steps: [{ where: "hands, with the power off", lines: [what] }],
    cautions: [
      "a slot has a width, a speed and a power limit, and some ports lead to no slot at all",
      "addresses of devices change with it",
    ],
  };
}

function portName(port: PciFunction): string {
  const { express, bdf } = port;
  const slot = isUnknown(express) || express === null || isUnknown(express.slotNumber) ? null : express.slotNumber;
  const name = `${formatBdf(bdf)} (device ${deviceOf(bdf)})`;
  return slot === null || slot === 0 ? name : `${formatBdf(bdf)} (slot ${slot})`;
}
