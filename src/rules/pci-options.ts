import { isStrayDevice, pciOptions } from "./kernel-parameters.ts";

/**
 * The options of `pci=`, without what stands behind their `=`: those of `Documentation/admin-guide/kernel-parameters.txt`
 * (Linux 7.2), of every architecture.
 */
export const KNOWN_PCI_OPTIONS: readonly string[] = [
  ...["earlydump", "off", "bios", "nobios", "conf1", "conf2", "noaer", "nodomains", "nommconf", "mmconf", "nomsi"],
  ...["check_enable_amd_mmconf", "noioapicquirk", "ioapicreroute", "noioapicreroute", "biosirq", "rom", "norom"],
  ...["nobar", "irqmask", "pirqaddr", "lastbus", "assign-busses", "usepirqmask", "noacpi", "use_crs", "nocrs"],
  ...["use_e820", "no_e820", "routeirq", "skip_isa_align", "noearly", "bfsort", "nobfsort", "cbiosize", "cbmemsize"],
  ...["resource_alignment", "ecrc", "hpiosize", "hpmmiosize", "hpmmioprefsize", "hpmemsize", "hpbussize", "realloc"],
  ...["noats", "noari", "notph", "pcie_scan_all", "big_root_window", "pcie_bus_tune_off", "pcie_bus_safe"],
  ...["pcie_bus_perf", "pcie_bus_peer2peer", "disable_acs_redir", "config_acs", "firmware", "compat"],
  ...["force_floating", "nomio", "norid"],
];

/** Words of `pci=` that no kernel knows, without what stands behind their `=`; devices that a `,` cut off are told elsewhere. */
export function unknownPciOptions(commandLine: string): readonly string[] {
  return pciOptions(commandLine)
    .flat()
    .filter((option) => option !== "" && !isStrayDevice(option))
    .map((option) => option.split("=")[0] ?? "")
    .filter((name) => !KNOWN_PCI_OPTIONS.includes(name) && name !== "noacs");
}
