import { PeerlaneError } from "../../pci/error.ts";
import { requireOwnName } from "../own-name.ts";
import { IOMMU_CLASSES } from "./iommu-classes.ts";
import type { MachineClass } from "./machine-class.ts";
import { ODD_CLASSES } from "./odd-classes.ts";
import { PATH_CLASSES } from "./path-classes.ts";

/** All kinds of machine: paths, IOMMUs, what is out of the ordinary. */
export const MACHINE_CLASSES: readonly MachineClass[] = [...PATH_CLASSES, ...IOMMU_CLASSES, ...ODD_CLASSES];

/** The kind of machine of a name; throws `usage`, with the names that there are. */
export function findClass(name: string): MachineClass {
  const found = MACHINE_CLASSES.find(({ id }) => id === name);
  if (found !== undefined) return found;
  throw new PeerlaneError("usage", `no machine class '${name}' in the lab`, {
    remedy: `there are ${MACHINE_CLASSES.map(({ id }) => id).join(", ")}`,
  });
}

/** Throws `usage` unless a class is the lab's, or has a name of its own. */
export function requireClass(kind: MachineClass): void {
  requireOwnName("a machine class", kind, MACHINE_CLASSES);
}
