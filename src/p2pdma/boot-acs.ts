import type { Machine } from "../host/machine.ts";
import { type Acs, PCI_ACS_CR, PCI_ACS_EC, PCI_ACS_RR, PCI_ACS_SV, PCI_ACS_UF } from "../pci/acs.ts";
import type { PciFunction } from "../pci/function.ts";
import { isUnknown, type Known, unknown } from "../pci/known.ts";
import { matchesDevice, type PciParameters, parsePciParameters } from "./kernel-parameters.ts";
import { topologyOf } from "./verdict-table.ts";

/** What the kernel turns on wherever a function offers it, once an IOMMU driver asks (`pci_std_enable_acs`, 7.2). */
const ENABLED_WITH_IOMMU = PCI_ACS_SV | PCI_ACS_RR | PCI_ACS_CR | PCI_ACS_UF;
const NO_PARAMETERS: PciParameters = { disableAcsRedirect: [], configAcs: [], misread: [] };
const CLEARED_BY_PARAMETER = PCI_ACS_RR | PCI_ACS_CR | PCI_ACS_EC;

/**
 * The machine after the kernel's boot, given the machine as firmware leaves it: with an IOMMU in use (translating or
 * not) ACS is turned on; `pci=disable_acs_redir=` then puts a function back to what firmware left, less the redirect
 * bits (`pci_enable_acs`, Linux 7.2: source validation and upstream forwarding fall back with them), and
 * `pci=config_acs=` sets single bits. An ACS control
 * that the source gives for certain, as a dump of a running machine does, must not be passed through this.
 */
export function afterBoot(machine: Machine): Machine {
  const { commandLine } = machine.kernel;
  const parameters = isUnknown(commandLine) ? NO_PARAMETERS : parsePciParameters(commandLine);
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
  parameters: PciParameters,
  above: (fn: PciFunction) => PciFunction | undefined,
): Known<Acs> {
  let control = enabledControl(machine, firmware);
  for (const device of parameters.disableAcsRedirect) {
    const matches = matchesDevice(device, fn, above);
    if (isUnknown(matches)) return matches;
    if (!matches) continue;
    const fallsBack = fallsBackToFirmware(machine);
    const before = isUnknown(fallsBack) ? fallsBack : fallsBack ? firmware.control : control;
    control = isUnknown(before) ? before : before & ~CLEARED_BY_PARAMETER;
    break;
  }
  for (const { mask, flags, device } of parameters.configAcs) {
    const matches = matchesDevice(device, fn, above);
    if (isUnknown(matches)) return matches;
    if (!matches) continue;
    // A bit that the capability does not offer is read-only zero, whatever is written to it.
    control = ((firmware.control & ~mask) | (flags & mask)) & firmware.capability;
    break;
  }
  return isUnknown(control) ? control : { ...firmware, control };
}

function enabledControl(machine: Machine, firmware: Acs): Known<number> {
  const { mode } = machine.iommu;
  if (isUnknown(mode)) return unknown(`ACS is set at boot by the IOMMU driver: ${mode.unknown}`);
  return mode === "off" ? firmware.control : firmware.control | (firmware.capability & ENABLED_WITH_IOMMU);
}

const unchecked = unknown(
  "what disable_acs_redir does to the other ACS bits differs between releases and was not checked in this one",
);

/**
 * Up to 6.10 the parameter clears the redirect bits of what the kernel itself had set (6.1 was checked); 6.12.23 and
 * newer of that series, 7.2 and 7.3 apply it to what firmware left. Those between are known to have done a third thing
 * for a while, or were not checked.
 */
function fallsBackToFirmware({ kernel }: Machine): Known<boolean> {
  const match = /^(\d+)\.(\d+)(?:\.(\d+))?/.exec(isUnknown(kernel.release) ? "" : kernel.release);
  if (match === null) return unchecked;
  const [major = 0, minor = 0, patch = 0] = match.slice(1).map((digits) => Number(digits ?? 0));
  const series = major * 1000 + minor;
  if (series < 6011) return false;
  if (series >= 7002 || (series === 6012 && patch >= 23)) return true;
  return unchecked;
}
