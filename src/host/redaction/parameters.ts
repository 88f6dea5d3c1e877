import { GONE } from "./scrub.ts";

/** What of a parameter's value stays: the value, with `…` for what is not on a list. */
export type ValueRule = (value: string) => string;

/** Switches and numbers, which are as they are for every parameter: `1`, `0x10`, `64M`, `on`. */
const PLAIN = /^(?:-?\d{1,10}|0x[0-9a-f]{1,8}|\d{1,7}[kmg]|[yn]|on|off|yes|no|true|false|auto|force)$/i;
/** A device as `pci=` takes it: an address with the devices and functions below it, or ids; ACS flags in front. */
const DEVICE =
  /^(?:[01x]{0,12}@)?(?:(?:[0-9a-f]{1,8}:)?[0-9a-f]{1,2}:[0-9a-f]{1,2}(?:\.[0-9a-f])?(?:\/[0-9a-f]{1,2}\.[0-7]){0,64}|pci:(?:0x)?[0-9a-f]{1,4}(?::(?:0x)?[0-9a-f]{0,4}){0,3})$/i;

function list(separator: string, keeps: (item: string) => boolean): ValueRule {
  return (value) =>
    value
      .split(separator)
      .map((item) => (item === "" || keeps(item) ? item : GONE))
      .join(separator);
}

/** All words that may stand in some value. */
const allWords = new Set<string>();

/** A list of these words, switches and numbers. */
function words(text = ""): ValueRule {
  const known = new Set(text.split(" ").filter((word) => word !== ""));
  for (const word of known) allWords.add(word);
  return list(",", (item) => known.has(item) || PLAIN.test(item));
}

const devices: ValueRule = list(";", (item) => DEVICE.test(item));
const plain = words();
/** `10de:2330`, with subsystem, class and mask where they are given. */
const ids: ValueRule = list(",", (item) =>
  /^(?:id:)?[0-9a-f]{4}:[0-9a-f]{4}(?::(?:[0-9a-f]{1,8}|\*)){0,4}$/i.test(item),
);
/** Alignments stand before the device: `20@00:04.0`. */
const alignments: ValueRule = list(";", (item) => /^\d{1,2}$/.test(item) || DEVICE.test(item.replace(/^\d{1,2}@/, "")));

/** Options of `pci=` (`pci_setup` and `pcibios_setup`, Linux 7.2). */
const PCI_SWITCHES = new Set(
  (
    "off on bios nobios conf1 conf2 mmconf nommconf earlydump noaer nodomains nomsi noioapicquirk ioapicreroute " +
    "noioapicreroute biosirq rom norom nobar assign-busses usepirqmask nocrs use_crs use_e820 no_e820 routeirq noacpi " +
    "skip_isa_align noearly realloc noari noats pcie_scan_all big_root_window bfsort nobfsort firmware nosort " +
    "check_enable_amd_mmconf noacs pcie_bus_tune_off pcie_bus_safe pcie_bus_perf pcie_bus_peer2peer notph nommiotlb"
  ).split(" "),
);
const PCI_VALUES: ReadonlyMap<string, ValueRule> = new Map([
  ["disable_acs_redir", devices],
  ["config_acs", devices],
  ["resource_alignment", alignments],
  ["ecrc", words("bypass")],
  ...["realloc", "irqmask", "pirqaddr", "lastbus", "cbiosize", "cbmemsize"].map((name) => [name, plain] as const),
  ...["hpiosize", "hpmemsize", "hpmmiosize", "hpmmioprefsize", "hpbussize"].map((name) => [name, plain] as const),
]);

/** What a `,` cut off from a list of devices begins with; the kernel takes it for an option of its own. */
const CUT_OFF_DEVICE = /^(?:[01x]+@)?(?:(?:[0-9a-f]{1,8}:)?[0-9a-f]{1,2}:[0-9a-f]{1,2}\.[0-7]|pci:[0-9a-f])/i;

function pciOption(option: string): string {
  const [name = "", ...rest] = option.split("=");
  const rule = rest.length === 0 ? undefined : PCI_VALUES.get(name);
  if (rule !== undefined) return `${name}=${rule(rest.join("="))}`;
  if (option === "" || PCI_SWITCHES.has(option) || DEVICE.test(option)) return option;
  return `${CUT_OFF_DEVICE.exec(option)?.[0] ?? ""}${GONE}`;
}

/** Options of `iommu=`. */
export const IOMMU_OPTIONS: readonly string[] =
  "pt nopt off force soft noforce merge nomerge biomerge panic nopanic forcedac allowed usedac noagp fullflush".split(
    " ",
  );

const pci: ValueRule = (value) => value.split(",").map(pciOption).join(",");

/**
 * Parameters that decide how devices reach each other, or that an engineer asks for when they do not, each with what may
 * stand in its value. Dashes in names are underscores here: they are the same to the kernel.
 */
export const PARAMETERS: ReadonlyMap<string, ValueRule> = new Map<string, ValueRule>([
  ["pci", pci],
  // They belong behind `pci=`, and do nothing alone.
  ["disable_acs_redir", devices],
  ["config_acs", devices],
  ["iommu", words(IOMMU_OPTIONS.join(" "))],
  ["intel_iommu", words("igfx_off forcedac strict sp_off sm_on sm_off tboot_noforce")],
  [
    "amd_iommu",
    words("fullflush force_isolation force_enable pgtbl_v1 pgtbl_v2 irtcachedis nohugepages v2_pgsizes_only"),
  ],
  ["amd_iommu_intr", words("legacy vapic")],
  ["amd_iommu_dump", plain],
  ["intremap", words("nosid no_x2apic_optout nopost posted_msi")],
  ["swiotlb", words("noforce any")],
  ["mem_encrypt", plain],
  ["pcie_acs_override", list(",", (item) => item === "downstream" || item === "multifunction" || ids(item) === item)],
  ["pcie_aspm", plain],
  ["pcie_aspm.policy", words("default performance powersave powersupersave")],
  ["pcie_ports", words("compat native dpc-native")],
  ["pcie_port_pm", plain],
  ["pcie_hp", words("nomsi")],
  ["pcie_pme", words("nomsi")],
  ["vfio_pci.ids", ids],
  ...(
    [
      "iommu.passthrough iommu.strict iommu.forcedac iommufd.allow_unsafe_interrupts",
      "arm_smmu.disable_bypass arm_smmu.force_stage arm_smmu_v3.disable_bypass arm_smmu_v3.disable_msipolling",
      "pciehp.pciehp_force pciehp.pciehp_debug pciehp.pciehp_poll_mode pciehp.pciehp_poll_time",
      "vfio.enable_unsafe_noiommu_mode vfio_iommu_type1.allow_unsafe_interrupts vfio_iommu_type1.disable_hugepages",
      "vfio_iommu_type1.dma_entry_limit vfio_pci.nointxmask vfio_pci.disable_vga vfio_pci.disable_idle_d3",
      "vfio_pci.enable_sriov vfio_pci.disable_denylist nvme.use_cmb_sqes amdgpu.pcie_p2p disable_ddw",
    ] as const
  ).flatMap((line) => line.split(" ").map((name) => [name, plain] as const)),
]);

/** Words that values of {@link PARAMETERS} may have, and the switches of `pci=`. */
export const PARAMETER_WORDS: readonly string[] = [
  ..."on off yes no true false auto force y n downstream multifunction".split(" "),
  ...PCI_SWITCHES,
  ...PCI_VALUES.keys(),
  ...allWords,
].filter((word, index, all) => all.indexOf(word) === index);
