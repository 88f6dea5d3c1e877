import { formatBdf } from "../pci/bdf.ts";
import { entryAt } from "../pci/entry-at.ts";
import { isUnknown, type Known, unknown } from "../pci/known.ts";
import type { Topology } from "../pci/topology.ts";

/**
 * The physical slot that each function is plugged into: the slot number of the nearest port above that has a slot
 * (PCIe 6.0 sec 7.5.3.9), `null` below no such port. Firmware writes these numbers, and they need not be unique.
 */
export function slotsOf(topology: Topology): readonly Known<number | null>[] {
  const slots: Known<number | null>[] = new Array(topology.functions.length).fill(null);
  for (const index of topology.preorder) {
    if (topology.isOnRootBus(index)) continue;
    const above = topology.parentOf(index);
    slots[index] =
      above === undefined ? hiddenAbove(topology, index) : (slotOfPort(topology, above) ?? entryAt(slots, above));
  }
  return slots;
}

/** The slot of a port itself, `undefined` where it has none. */
function slotOfPort(topology: Topology, index: number): Known<number> | undefined {
  const { express } = topology.functionAt(index);
  if (express === null) return undefined;
  if (isUnknown(express)) return unknown(express.unknown);
  if (express.slotImplemented === false || express.slotNumber === null) return undefined;
  return isUnknown(express.slotNumber) ? unknown(express.slotNumber.unknown) : express.slotNumber;
}

function hiddenAbove(topology: Topology, index: number): Known<number | null> {
  return unknown(`the source does not show what is above ${formatBdf(topology.functionAt(index).bdf)}`);
}
