import type { Machine } from "../host/machine.ts";
import type { PciFunction } from "../pci/function.ts";
import { isUnknown } from "../pci/known.ts";

const FUNCTION_PARTS = [
  ["ids", "vendorId"],
  ["classes", "classCode"],
  ["commands", "command"],
  ["BARs", "bars"],
  ["PCI Express", "express"],
  ["ACS", "acs"],
  ["SR-IOV", "sriov"],
  ["Resizable BARs", "resizableBars"],
  ["capabilities", "capabilities"],
  ["drivers", "driver"],
  ["NUMA nodes", "numaNode"],
  ["DMA masks", "dmaMaskBits"],
  ["peer memory", "p2pmem"],
  ["IOMMU groups", "iommuGroup"],
] as const satisfies readonly (readonly [string, keyof PciFunction])[];

/** What a machine's source hides, of any function or of the whole, in the words of a list. */
export function hiddenParts(machine: Machine): ReadonlySet<string> {
  const { kernel, cpu, iommu, hostBridges, functions } = machine;
  const hidden = new Set<string>();
  const look = (what: string, isHidden: boolean): void => {
    if (isHidden) hidden.add(what);
  };
  look("the kernel's release", isUnknown(kernel.release));
  look("the kernel's parameters", isUnknown(kernel.commandLine));
  look("the kernel's configuration", isUnknown(kernel.config));
  look("modules", kernel.modules === undefined);
  look("the CPU", [cpu.vendor, cpu.family, cpu.model].some(isUnknown));
  look("the IOMMU", isUnknown(iommu.kind) || isUnknown(iommu.mode));
  look("IOMMU domains", isUnknown(iommu.groupTypes));
  look("host bridges", isUnknown(hostBridges));
  for (const [what, key] of FUNCTION_PARTS) {
    look(
      what,
      functions.some((fn) => isUnknown(fn[key])),
    );
  }
  look(
    "links",
    functions.some(({ express }) => !isUnknown(express) && express !== null && isUnknown(express.linkStatus)),
  );
  return hidden;
}
