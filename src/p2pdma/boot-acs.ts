import type { Machine } from "../host/machine.ts";
import { type Acs, PCI_ACS_CR, PCI_ACS_EC, PCI_ACS_RR, PCI_ACS_SV, PCI_ACS_UF } from "../pci/acs.ts";
import type { PciFunction } from "../pci/function.ts";
import { isUnknown, type Known, unknown } from "../pci/known.ts";
import { type DeviceMatch, matchesDevice, parsePciParameters } from "./kernel-parameters.ts";
import { topologyOf } from "./verdict-table.ts";

/** What the kernel turns on wherever a function offers it, once an IOMMU driver asks (`pci_std_enable_acs`, 7.2). */
const ENABLED_WITH_IOMMU = PCI_ACS_SV | PCI_ACS_RR | PCI_ACS_CR | PCI_ACS_UF;
const CLEARED_BY_PARAMETER = PCI_ACS_RR | PCI_ACS_CR | PCI_ACS_EC;

/**
 * The machine after the kernel's boot, given the machine as firmware leaves it: with an IOMMU in use (translating or
 * not) ACS is turned on; `pci=disable_acs_redir=` then puts a function back to what firmware left, less the redirect
 * bits (`pci_enable_acs`, Linux 7.2: source validation and upstream forwarding fall back with them). An ACS control
 * that the source gives for certain, as a dump of a running machine does, must not be passed through this.
 */
export function afterBoot(machine: Machine): Machine {
  const { commandLine } = machine.kernel;
  const parameters = isUnknown(commandLine) ? [] : parsePciParameters(commandLine).disableAcsRedirect;
  const topology = topologyOf(machine);
  const above = (fn: PciFunction): PciFunction | undefined =>
    topology.functions[topology.parent[topology.indexOf(fn.bdf) ?? -1] ?? -1];
  const functions = machine.functions.map((fn): PciFunction => {
    if (fn.acs === null || isUnknown(fn.acs)) return fn;
    return { ...fn, acs: bootAcs(machine, fn, fn.acs, parameters, above) };
  });
  return { ...machine, functions };
}

function bootAcs(
  machine: Machine,
  fn: PciFunction,
  firmware: Acs,
  parameters: readonly DeviceMatch[],
  above: (fn: PciFunction) => PciFunction | undefined,
): Known<Acs> {
  for (const parameter of parameters) {
    const matches = matchesDevice(parameter, fn, above);
    if (isUnknown(matches)) return matches;
    if (matches) return { ...firmware, control: firmware.control & ~CLEARED_BY_PARAMETER };
  }
  const { mode } = machine.iommu;
  if (isUnknown(mode)) return unknown(`ACS is set at boot by the IOMMU driver: ${mode.unknown}`);
  if (mode === "off") return firmware;
  return { ...firmware, control: firmware.control | (firmware.capability & ENABLED_WITH_IOMMU) };
}
