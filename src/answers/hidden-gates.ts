import type { Machine } from "../host/machine.ts";
import { isScenario } from "../host/machine.ts";
import { memoryBars, type PciFunction } from "../pci/function.ts";
import { isUnknown, type Known } from "../pci/known.ts";
import type { Topology } from "../pci/topology.ts";
import { whyMaybeVirtual } from "../platforms/virtual-machine.ts";
import { acsQuirk } from "../rules/acs-quirks.ts";
import type { Verdict } from "../rules/verdict.ts";
import type { Gate } from "./gate.ts";

/** As much of a pair's answer as gates hang on. */
type GatedPair = Pick<Verdict, "provider" | "client" | "mapType">;

/**
 * Whether a machine of whose pair a gate is not said may have it all the same, as its source does not show what the gate
 * is found by.
 */
export function mayHideGate(kind: Gate["kind"], machine: Machine, topology: Topology, pair: GatedPair): boolean {
  const [provider, client] = [topology.functionOf(pair.provider), topology.functionOf(pair.client)];
  const { kernel, iommu } = machine;
  switch (kind) {
    case "bar-missing":
      return isUnknown(provider.bars);
    case "bar-unassigned":
      return areAddressesHidden(provider);
    case "memory-decode-off":
      return isUnknown(provider.bars) || isUnknown(provider.physicalFunction) || isUnknown(provider.command);
    case "vf-memory-off":
      return isVfMemoryHidden(topology, provider);
    case "bridge-decode-off":
      return (
        [provider.driver, client.driver].some((driver: Known<unknown>) => isUnknown(driver)) ||
        [provider, client].some(({ bdf }) => topology.rootBusOf(topology.indexOf(bdf)) === undefined) ||
        [provider, client].some(({ bdf }) =>
          topology.bridgesAbove(topology.indexOf(bdf)).some((index) => isUnknown(topology.functionAt(index).command)),
        )
      );
    case "bus-master-off":
      return isUnknown(client.command) || isUnknown(client.driver);
    case "resizable-bar-small":
      return isUnknown(provider.resizableBars) || provider.resizableBars.some(isSizeHidden);
    case "bridge-window-small":
      return areAddressesHidden(provider) || areWindowsHidden(machine, topology, provider);
    case "beyond-dma-mask":
      return (
        pair.mapType === "unknown" ||
        areAddressesHidden(provider) ||
        [client.dmaMaskBits, client.driver, provider.driver, iommu.mode].some((value: Known<unknown>) =>
          isUnknown(value),
        )
      );
    case "kernel-without-p2pdma":
      return isUnknown(kernel.config) || isUnknown(kernel.release) || isUnknown(provider.driver);
    case "iommu-translates":
      return (
        pair.mapType === "unknown" || isUnknown(iommu.mode) || isUnknown(provider.driver) || isUnknown(client.driver)
      );
    case "acs-registers-elsewhere":
      return (
        pair.mapType === "unknown" ||
        isUnknown(iommu.mode) ||
        topology
          .bridgesAbove(topology.indexOf(pair.provider))
          .some((index) => isUnknown(acsQuirk(topology.functionAt(index)) ?? false))
      );
    case "kernel-parameter-misread":
      return isUnknown(kernel.commandLine);
    case "virtual-machine":
      return whyMaybeVirtual(machine) !== null;
  }
}

function areAddressesHidden(provider: PciFunction): boolean {
  const bars = memoryBars(provider);
  return bars === undefined || bars.some((bar) => isUnknown(bar.busAddress) && isUnknown(bar.physAddress));
}

function isSizeHidden({
  currentBytes,
  supportedBytes,
}: {
  currentBytes: Known<number>;
  supportedBytes: Known<unknown>;
}) {
  return isUnknown(currentBytes) || isUnknown(supportedBytes);
}

function isVfMemoryHidden(topology: Topology, { physicalFunction }: PciFunction): boolean {
  if (isUnknown(physicalFunction)) return true;
  if (physicalFunction === null) return false;
  const sriov = topology.find(physicalFunction)?.sriov;
  return sriov === undefined || isUnknown(sriov) || (sriov !== null && sriov.vfMemoryEnable === undefined);
}

/** A scenario shows no windows of bridges. */
function areWindowsHidden(machine: Machine, topology: Topology, provider: PciFunction): boolean {
  if (isScenario(machine)) return true;
  return topology.bridgesAbove(topology.indexOf(provider.bdf)).some((index) => {
    const { bridge } = topology.functionAt(index);
    return isUnknown(bridge) || (bridge !== null && isUnknown(bridge.windows));
  });
}
