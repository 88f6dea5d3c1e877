import { formatBdf } from "../pci/bdf.ts";
import { isUnknown, type Known, unknown } from "../pci/known.ts";
import { ON_ROOT_BUS, PARENT_HIDDEN, type Topology } from "../pci/topology.ts";

/**
 * The physical slot that each function is plugged into: the slot number of the nearest port above that has a slot
 * (PCIe 6.0 sec 7.5.3.9), `null` below no such port. Firmware writes these numbers, and they need not be unique.
 */
export function slotsOf(topology: Topology): readonly Known<number | null>[] {
  const slots: Known<number | null>[] = new Array(topology.functions.length).fill(null);
  for (const index of topology.preorder) {
    const above = topology.parent[index] ?? PARENT_HIDDEN;
    if (above === ON_ROOT_BUS) continue;
    slots[index] = above < 0 ? hiddenAbove(topology, index) : (slotOfPort(topology, above) ?? slots[above] ?? null);
  }
  return slots;
}

/** The slot of a port itself, `undefined` where it has none. */
function slotOfPort({ functions }: Topology, index: number): Known<number> | undefined {
  const express = functions[index]?.express ?? null;
  if (express === null) return undefined;
  if (isUnknown(express)) return unknown(express.unknown);
  if (express.slotImplemented === false || express.slotNumber === null) return undefined;
  return isUnknown(express.slotNumber) ? unknown(express.slotNumber.unknown) : express.slotNumber;
}

function hiddenAbove({ functions }: Topology, index: number): Known<number | null> {
  const fn = functions[index];
  return unknown(`the source does not show what is above ${fn === undefined ? "a function" : formatBdf(fn.bdf)}`);
}
