import type { Machine } from "../../host/machine.ts";
import { topologyOf } from "../../host/machine.ts";
import type { Bar } from "../../pci/bar.ts";
import { type Bdf, busKeyOf, deviceOf, formatBdf } from "../../pci/bdf.ts";
import { isBridge } from "../../pci/device-kind.ts";
import { PeerlaneError } from "../../pci/error.ts";
import type { PciFunction } from "../../pci/function.ts";
import { isUnknown, unknown } from "../../pci/known.ts";
import type { Topology } from "../../pci/topology.ts";

/** A device and the bridge that it is put below. */
export interface Move {
  readonly device: Bdf;
  readonly under: Bdf;
}

const addressHidden = unknown("addresses are given anew after a move");

/**
 * The machine with devices put below other bridges, all at once, so that two may change places. A device moves with all
 * its functions and what is below it; functions keep their present addresses as names. Throws `usage` for a move that
 * no slot allows.
 */
export function withMoves(machine: Machine, moves: readonly Move[]): Machine {
  if (moves.length === 0) return machine;
  const topology = topologyOf(machine);
  const places = new Map<number, PciFunction>();
  for (const move of moves) placeDevice(topology, move, places);
  const functions = machine.functions.map((fn, index) => places.get(index) ?? fn);
  const moved = { ...machine, functions };
  for (const { under } of moves) refuseFullSlot(moved, under);
  return moved;
}

function placeDevice(topology: Topology, { device, under }: Move, places: Map<number, PciFunction>): void {
  const index = topology.indexOf(device) ?? -1;
  const target = topology.indexOf(under) ?? -1;
  const bridge = topology.functions[target];
  if (index < 0 || bridge === undefined) throw new RangeError("a move of functions that the machine does not have");
  if (!isBridge(bridge)) {
    throw refused(`${formatBdf(under)} is no bridge`, "name the port that the device is put below");
  }
  const root = topology.roots[topology.root[target] ?? -1];
  if (root === undefined) {
    throw refused(`the source does not show where ${formatBdf(under)} hangs`, "give a source with the whole topology");
  }
  for (const mate of deviceFunctions(topology, index)) {
    const { enter, exit, preorder } = topology;
    const from = enter[mate] ?? 0;
    const to = exit[mate] ?? 0;
    const place = enter[target] ?? 0;
    if (from <= place && place < to) throw refused(`${formatBdf(under)} is below ${formatBdf(device)} itself`, "");
    for (let position = from; position < to; position++) {
      const below = preorder[position] ?? 0;
      const fn = topology.functions[below] as PciFunction;
      if (below === mate) refuseIntegrated(fn);
      const upstream = below === mate ? under : topology.functions[topology.parent[below] ?? -1]?.bdf;
      const attachment = { upstream: upstream ?? null, rootBus: root.rootBus };
      places.set(below, { ...fn, attachment, numaNode: bridge.numaNode, bars: withoutAddresses(fn.bars) });
    }
  }
}

/** The functions of one device, with its virtual functions: they share its slot. */
function deviceFunctions(topology: Topology, index: number): number[] {
  const { functions, parent } = topology;
  const fn = functions[index] as PciFunction;
  const isMate = (other: PciFunction): boolean =>
    (busKeyOf(other.bdf) === busKeyOf(fn.bdf) && deviceOf(other.bdf) === deviceOf(fn.bdf)) ||
    (!isUnknown(other.physicalFunction) &&
      other.physicalFunction !== null &&
      busKeyOf(other.physicalFunction) === busKeyOf(fn.bdf) &&
      deviceOf(other.physicalFunction) === deviceOf(fn.bdf));
  return functions.flatMap((other, mate) => (parent[mate] === parent[index] && isMate(other) ? [mate] : []));
}

function refuseIntegrated(fn: PciFunction): void {
  const type = isUnknown(fn.express) || fn.express === null ? null : fn.express.type;
  if (type === "root-complex-endpoint" || type === "root-port" || type === "root-complex-event-collector") {
    throw refused(`${formatBdf(fn.bdf)} is part of the root complex and has no slot`, "move a device that has one");
  }
}

function withoutAddresses(bars: PciFunction["bars"]): PciFunction["bars"] {
  if (isUnknown(bars)) return bars;
  return bars.map((bar): Bar => ({ ...bar, busAddress: addressHidden, physAddress: addressHidden }));
}

/** A PCIe link has one device at its end (PCIe 6.0 sec 7.3.1). */
function refuseFullSlot(machine: Machine, under: Bdf): void {
  const topology = topologyOf(machine);
  const target = topology.indexOf(under) ?? -1;
  const { express } = topology.functions[target] as PciFunction;
  const type = isUnknown(express) || express === null ? null : express.type;
  if (type !== "root-port" && type !== "downstream-port") return;
  const devices = new Set(
    topology.children(target).flatMap((index) => {
      const fn = topology.functions[index] as PciFunction;
      const isVirtual = !isUnknown(fn.physicalFunction) && fn.physicalFunction !== null;
      return isVirtual ? [] : [formatBdf(fn.bdf).slice(0, -2)];
    }),
  );
  if (devices.size <= 1) return;
  throw refused(
    `${formatBdf(under)} has one slot, and it would hold ${[...devices].map((slot) => `${slot}.0`).join(" and ")}`,
    "move the other device elsewhere as well: two --move change places",
  );
}

function refused(message: string, remedy: string): PeerlaneError {
  return new PeerlaneError("usage", message, remedy === "" ? {} : { remedy });
}
