import type { Machine } from "../../host/machine.ts";
import { topologyOf } from "../../host/machine.ts";
import { type Bdf, deviceOf, formatBdf, slotOf } from "../../pci/bdf.ts";
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
    // Only what hangs alone from a port was put there by hand.
    const old = topology.bridgeAbove(mover);
    if (old === undefined || !isSlot(old)) continue;
    for (const port of portsNear(topology, other)) {
      if (topology.functionAt(port) === old) continue;
      const idea = ideaFor(topology, mover, other, port, old);
      if (idea !== null) ideas.push(idea);
    }
  }
  return ideas;
}

/** True for a port that a slot is below. */
function isSlot({ express }: PciFunction): boolean {
  return (
    !isUnknown(express) && express !== null && (express.type === "root-port" || express.type === "downstream-port")
  );
}

/** Ports that have a slot, the ones that share most of their way with `near` first. */
function portsNear(topology: Topology, near: Bdf): readonly number[] {
  const above = topology.bridgesAbove(topology.indexOf(near));
  const closeness = (port: number): number => {
    const meeting = above.findIndex((bridge) => topology.isAtOrBelow(port, bridge));
    return meeting < 0 ? above.length : meeting;
  };
  return topology.functions
    .flatMap((fn, index) => (isSlot(fn) && !above.includes(index) ? [{ index, closeness: closeness(index) }] : []))
    .sort((a, b) => a.closeness - b.closeness)
    .slice(0, MAX_PORTS)
    .map(({ index }) => index);
}

/** `old` is the port that the mover is below. */
function ideaFor(topology: Topology, mover: Bdf, other: Bdf, port: number, old: PciFunction): Idea | null {
  const under = topology.functionAt(port);
  const [occupant] = topology.children(port).map((index) => topology.functionAt(index));
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
