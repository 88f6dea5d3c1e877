import type { Machine } from "../host/machine.ts";
import { requireMachine } from "../host/require-machine.ts";
import { formatBus } from "../pci/bdf.ts";
import { PeerlaneError } from "../pci/error.ts";
import { isUnknown } from "../pci/known.ts";
import type { ReservedRange } from "./iova-allocator.ts";

const MIB = 2 ** 20;

/**
 * What the kernel keeps IOVAs out of (`iova_reserve_pci_windows` and the reserved regions of the IOMMU drivers, Linux
 * 7.2): the memory windows of the host bridges, in bus addresses, and where interrupts are written. Throws
 * `unsupported` where the source hides a window.
 *
 * MODEL: the windows of every host bridge. The kernel keeps out of those of the device's own only, as no switch below
 * it decodes an address of another's.
 */
export function reservedRanges(machine: Machine): readonly ReservedRange[] {
  requireMachine("reservedRanges", machine);
  return [...windows(machine), ...interruptRanges(machine)];
}

function windows(machine: Machine): ReservedRange[] {
  const { hostBridges } = machine;
  if (isUnknown(hostBridges)) throw hidden("the host bridges", hostBridges.unknown);
  return hostBridges.flatMap((bridge) => {
    const name = `host bridge ${formatBus(bridge.rootBus)}`;
    if (isUnknown(bridge.windows)) throw hidden(`the windows of ${name}`, bridge.windows.unknown);
    return bridge.windows
      .filter((window) => window.kind === "memory" && window.sizeBytes > 0)
      .map((window) => {
        if (isUnknown(window.busStart)) throw hidden(`the bus addresses of ${name}`, window.busStart.unknown);
        return { start: window.busStart, sizeBytes: window.sizeBytes, what: `window of ${name}` };
      });
  });
}

function interruptRanges(machine: Machine): ReservedRange[] {
  const { kind } = machine.iommu;
  switch (isUnknown(kind) ? "other" : kind) {
    case "arm-smmu":
    case "virtio":
      return [{ start: 0x0800_0000, sizeBytes: MIB, what: "MSI window" }, X86_MSI];
    case "amd":
      return [X86_MSI, { start: 0xfd_0000_0000, sizeBytes: 0x3_0000_0000, what: "HyperTransport" }];
    default:
      return [X86_MSI];
  }
}

/** Writes of a device to these addresses are interrupts and never reach an IOMMU's page table. */
const X86_MSI: ReservedRange = { start: 0xfee0_0000, sizeBytes: MIB, what: "MSI window" };

function hidden(what: string, why: string): PeerlaneError {
  return new PeerlaneError("unsupported", `IOVAs cannot be kept apart from bus addresses: ${what}: ${why}`, {
    remedy: "read the machine from a source that shows /proc/iomem as root sees it, or from a scenario",
  });
}
