import type { Machine, Note } from "../../host/machine.ts";
import { topologyOf } from "../../host/machine.ts";
import { ADDRESS_GIVEN_ANEW, type Bar } from "../../pci/bar.ts";
import { type Bdf, formatBdf, slotOf } from "../../pci/bdf.ts";
import { isBridge } from "../../pci/device-kind.ts";
import { PeerlaneError } from "../../pci/error.ts";
import type { PciFunction } from "../../pci/function.ts";
import { isUnknown, unknown } from "../../pci/known.ts";
import type { Topology } from "../../pci/topology.ts";
import { physicalOf } from "../../pci/virtual-functions.ts";

/** A device and the bridge that it is put below. */
export interface Move {
  readonly device: Bdf;
  readonly under: Bdf;
}

const windowsHidden = unknown("windows are laid out anew after a move");
const linkHidden = unknown("links are trained anew after a move");
const hadNone = unknown("it had no address before the move, and addresses are given anew after it");

const movedNote: Note = {
  severity: "info",
  message:
    "after a move firmware numbers buses and lays out BARs anew: devices are named by the addresses that they have now, and " +
    "where BARs will lie is not known",
};

/**
 * The machine with devices put below other bridges, all at once, so that two may change places. A device moves with all
 * its functions and what is below it; functions keep their present addresses as names. No BAR or window has a known
 * address, and links that change no known state. Throws `usage` for a move that no slot allows.
 */
export function withMoves(machine: Machine, moves: readonly Move[]): Machine {
  if (moves.length === 0) return machine;
  const topology = topologyOf(machine);
  const places = new Map<number, PciFunction>();
  const linkEnds = new Set<number>();
  for (const move of moves) {
    for (const end of endsOf(topology, move)) linkEnds.add(end);
    placeDevice(topology, move, places);
  }
  const functions = machine.functions.map((fn, index) => {
    const placed = withoutAddresses(places.get(index) ?? fn);
    return linkEnds.has(index) ? withoutLinkState(placed) : placed;
  });
  const notes = machine.notes.includes(movedNote) ? machine.notes : [...machine.notes, movedNote];
  const moved = { ...machine, functions, notes };
  for (const { under } of moves) refuseFullSlot(moved, under);
  return moved;
}

/** The functions at the ends of the links that there were and will be. */
function endsOf(topology: Topology, { device, under }: Move): readonly number[] {
  const index = topology.indexOf(device);
  const above = topology.parentOf(index);
  const ports = [...(above === undefined ? [] : [above]), topology.indexOf(under)];
  return [...ports, ...deviceFunctions(topology, index)];
}

function placeDevice(topology: Topology, { device, under }: Move, places: Map<number, PciFunction>): void {
  const index = topology.indexOf(device);
  const target = topology.indexOf(under);
  const bridge = topology.functionAt(target);
  if (!isBridge(bridge)) {
    throw refused(`${formatBdf(under)} is no bridge`, "name the port that the device is put below");
  }
  const root = topology.rootBusOf(target);
  if (root === undefined) {
    throw refused(`the source does not show where ${formatBdf(under)} hangs`, "give a source with the whole topology");
  }
  for (const mate of deviceFunctions(topology, index)) {
    if (topology.isAtOrBelow(target, mate)) {
      throw refused(`${formatBdf(under)} is below ${formatBdf(device)} itself`, "");
    }
    for (const below of topology.subtreeOf(mate)) {
      const fn = topology.functionAt(below);
      if (below === mate) refuseIntegrated(fn);
      const upstream = below === mate ? under : topology.bridgeAbove(fn.bdf)?.bdf;
      const attachment = { upstream: upstream ?? null, rootBus: root.rootBus };
      places.set(below, { ...fn, attachment, numaNode: bridge.numaNode });
    }
  }
}

/** The functions of one device, with its virtual functions: they share its slot. */
function deviceFunctions(topology: Topology, index: number): number[] {
  const slot = slotOf(topology.functionAt(index).bdf);
  const isMate = (other: PciFunction): boolean => {
    const physical = physicalOf(other);
    return slotOf(other.bdf) === slot || (physical !== undefined && slotOf(physical) === slot);
  };
  const above = topology.parentOf(index);
  return topology.functions.flatMap((other, mate) =>
    isMate(other) && topology.parentOf(mate) === above && topology.isOnRootBus(mate) === topology.isOnRootBus(index)
      ? [mate]
      : [],
  );
}

function refuseIntegrated(fn: PciFunction): void {
  const type = isUnknown(fn.express) || fn.express === null ? null : fn.express.type;
  if (type === "root-complex-endpoint" || type === "root-port" || type === "root-complex-event-collector") {
    throw refused(`${formatBdf(fn.bdf)} is part of the root complex and has no slot`, "move a device that has one");
  }
}

function withoutAddresses(fn: PciFunction): PciFunction {
  const bars = isUnknown(fn.bars) ? fn.bars : fn.bars.map(givenAnew);
  const bridge = isUnknown(fn.bridge) || fn.bridge === null ? fn.bridge : { ...fn.bridge, windows: windowsHidden };
  return { ...fn, bars, bridge };
}

function givenAnew(bar: Bar): Bar {
  const address = bar.busAddress === null || bar.physAddress === null ? hadNone : ADDRESS_GIVEN_ANEW;
  return { ...bar, busAddress: address, physAddress: address };
}

function withoutLinkState(fn: PciFunction): PciFunction {
  const { express } = fn;
  return isUnknown(express) || express === null ? fn : { ...fn, express: { ...express, linkStatus: linkHidden } };
}

/** A PCIe link has one device at its end (PCIe 6.0 sec 7.3.1). */
function refuseFullSlot(machine: Machine, under: Bdf): void {
  const topology = topologyOf(machine);
  const { express } = topology.functionOf(under);
  const type = isUnknown(express) || express === null ? null : express.type;
  if (type !== "root-port" && type !== "downstream-port") return;
  const devices = new Set(
    topology.children(topology.indexOf(under)).flatMap((index) => {
      const fn = topology.functionAt(index);
      return physicalOf(fn) !== undefined ? [] : [formatBdf(fn.bdf).slice(0, -2)];
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
