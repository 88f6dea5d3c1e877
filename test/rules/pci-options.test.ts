import { expect, test } from "vitest";
import { KNOWN_PCI_OPTIONS, unknownPciOptions } from "../../src/rules/pci-options.ts";
import { rows } from "../rows.ts";

test("The options of pci= are those that Linux 7.2 documents", () => {
  const documented = rows(`
    // for              | options
    all                 | earlydump off noaer nodomains nomsi noats noari notph pcie_scan_all
    Peers               | disable_acs_redir config_acs
    Payload             | pcie_bus_tune_off pcie_bus_safe pcie_bus_perf pcie_bus_peer2peer
    Windows and sizes   | resource_alignment realloc hpiosize hpmmiosize hpmmioprefsize hpmemsize hpbussize cbiosize cbmemsize
    End-to-end CRC      | ecrc
    x86 config space    | bios nobios conf1 conf2 nommconf mmconf check_enable_amd_mmconf noearly
    x86 interrupts      | noioapicquirk ioapicreroute noioapicreroute biosirq irqmask pirqaddr usepirqmask noacpi routeirq
    x86 resources       | rom norom nobar use_crs nocrs use_e820 no_e820 skip_isa_align big_root_window
    x86 enumeration     | lastbus assign-busses bfsort nobfsort
    Arm                 | firmware compat
    s390                | force_floating nomio norid
  `);
  expect(KNOWN_PCI_OPTIONS.toSorted()).toEqual(documented.flatMap(([, names = ""]) => names.split(" ")).toSorted());
});

test.each(
  rows(`
    // command line                                       | words of pci= that no kernel knows
    quiet                                                 | -
    pci                                                   | -
    pci=                                                  | -
    pci=noats                                             | -
    pci=noats,realloc=off                                 | -
    pci=noats,,nomsi,                                     | -
    pci=no_ats                                            | no_ats
    pci=noATS                                             | noATS
    pci=noats,acs=off,nomsi                               | acs
    pci=acs=a=b                                           | acs
    pci=one,two pci=noats pci=three                       | one two three
    pci=disable_acs_redir=00:01.0;00:02.0                 | -
    pci=disable_acs_redir=00:01.0,00:02.0                 | -          // cut off by the comma: told elsewhere
    pci=config_acs=xx0@00:01.0,pci:8086:2030              | -
    pci=noacs                                             | -          // told elsewhere, with what does it
    pci=noacs=1                                           | -
    pci=noacs2                                            | noacs2
    iommu=pt pci=no                                       | no
  `),
)("Of %s: %s", (commandLine = "", words) => {
  expect(unknownPciOptions(commandLine).join(" ") || "-").toBe(words);
});
