import type { Iommu, IommuMode, Machine } from "../host/machine.ts";
import { topologyOf } from "../host/machine.ts";
import { requireMachine } from "../host/require-machine.ts";
import type { Bdf } from "../pci/bdf.ts";
import { PeerlaneError } from "../pci/error.ts";
import { isUnknown } from "../pci/known.ts";
import { expectedIommuGroups } from "../rules/iommu-groups.ts";

/**
 * The IOMMU group of each function: the source's own numbers where it shows them, else those that the kernel would
 * form. Throws `unsupported` where the source hides what decides.
 */
export function groupsOf(machine: Machine): ReadonlyMap<Bdf, number> {
  requireMachine("groupsOf", machine);
  const shown = new Map<Bdf, number>();
  let areAllShown = true;
  for (const { bdf, iommuGroup } of machine.functions) {
    if (isUnknown(iommuGroup)) areAllShown = false;
    else if (iommuGroup !== null) shown.set(bdf, iommuGroup);
  }
  if (areAllShown && shown.size > 0) return shown;
  const expected = expectedIommuGroups(withIommu(machine), topologyOf(machine));
  if (isUnknown(expected)) {
    throw new PeerlaneError("unsupported", `the IOMMU groups are hidden: ${expected.unknown}`, {
      remedy: "name the groups in the options, or read the machine from a source that shows /sys/kernel/iommu_groups",
    });
  }
  return expected;
}

/** The machine as if it had an IOMMU: asked when somebody wants one modelled that the source does not have. */
function withIommu(machine: Machine): Machine {
  const iommu: Iommu = { ...machine.iommu, kind: "other", mode: "strict" };
  return { ...machine, iommu };
}

/** The mode of a machine's default domains; throws `unsupported` where the source hides it. */
export function modeOf(machine: Machine): IommuMode {
  const { kind, mode } = machine.iommu;
  if (!isUnknown(kind) && kind === "none") return "off";
  if (isUnknown(mode)) {
    throw new PeerlaneError("unsupported", `the mode of the IOMMU is hidden: ${mode.unknown}`, {
      remedy: "name the mode in the options: off, passthrough, strict or lazy",
    });
  }
  return mode;
}

/** The mode that sysfs shows for a group's default domain, `undefined` where it shows none that the model has. */
export function groupMode(machine: Machine, group: number): IommuMode | undefined {
  const { groupTypes } = machine.iommu;
  if (isUnknown(groupTypes)) return undefined;
  switch (groupTypes.get(group)) {
    case "identity":
      return "passthrough";
    case "DMA":
      return "strict";
    case "DMA-FQ":
      return "lazy";
    default:
      return undefined;
  }
}
