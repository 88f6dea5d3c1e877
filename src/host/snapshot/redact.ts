import type { Capability } from "../../pci/capability.ts";
import type { PciFunction } from "../../pci/function.ts";
import { isUnknown, type Known } from "../../pci/known.ts";
import type { Kernel, Machine, Note } from "../machine.ts";

/** The name that a machine has once its own is left out. */
const NEUTRAL_NAME = "snapshot";

/**
 * The machine without what names it: serial numbers, MAC addresses, host names. Left out are the source's name (a path),
 * interface names that a person or a MAC made, everything on the kernel's command line but the parameters that the rules
 * or a reader of them need, and whatever looks like a MAC address or a serial number in free text.
 */
export function redact(machine: Machine): Machine {
  const scrub = scrubber(machine.source.name);
  const scrubbed = scrubReasons(machine, scrub) as Machine;
  return {
    ...scrubbed,
    source: { ...machine.source, name: NEUTRAL_NAME },
    kernel: redactKernel(scrubbed.kernel),
    functions: scrubbed.functions.map((fn) => redactFunction(fn, scrub)),
    notes: machine.notes.map((note) => redactNote(note, scrub)),
  };
}

type Scrub = (text: string) => string;

/** Six or eight bytes in hex, in the ways that MAC addresses, GUIDs and serial numbers are written. */
const ADDRESS_LIKE =
  /\b[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5,}\b|\b[0-9a-f]{4}(?:[:.-][0-9a-f]{4}){2,}\b|\b(?:0x)?(?=[0-9a-f]*[0-9])[0-9a-f]{12,}\b/gi;
/** Paths of files that are not the system's own. */
const OWN_PATH = /(^|[\s'"(])(?:\.{0,2}\/)?(?!(?:sys|proc|usr|dev)\/)(?:[\w.@+-]+\/)+[\w.@+-]+/g;

function scrubber(sourceName: string): Scrub {
  return (text) => {
    const unnamed = sourceName === "" ? text : text.replaceAll(sourceName, "the source");
    return unnamed.replaceAll(ADDRESS_LIKE, "…");
  };
}

/** Reasons of hidden values quote the source's name. */
function scrubReasons(value: unknown, scrub: Scrub): unknown {
  if (typeof value !== "object" || value === null || value instanceof Map) return value;
  if (Array.isArray(value)) return value.map((item) => scrubReasons(item, scrub));
  const entries = Object.entries(value);
  const [only] = entries;
  if (entries.length === 1 && only?.[0] === "unknown" && typeof only[1] === "string")
    return { unknown: scrub(only[1]) };
  return Object.fromEntries(entries.map(([key, item]) => [key, scrubReasons(item, scrub)]));
}

function redactNote({ severity, message, remedy }: Note, scrub: Scrub): Note {
  const words: Scrub = (text) => scrub(text).replaceAll(OWN_PATH, "$1the source");
  return { severity, message: words(message), ...(remedy === undefined ? {} : { remedy: scrub(remedy) }) };
}

function redactFunction(fn: PciFunction, scrub: Scrub): PciFunction {
  return {
    ...fn,
    names: fn.names.filter(isKernelName),
    label: fn.label === null ? null : scrub(fn.label),
    capabilities: mapKnown(fn.capabilities, (list) => list.map(redactCapability)),
  };
}

function mapKnown<T>(value: Known<T>, change: (value: T) => T): Known<T> {
  return isUnknown(value) ? value : change(value as T);
}

/** Device Serial Number (PCIe 6.0 sec 7.9.3) and Vital Product Data (PCI 3.0 app I). */
function redactCapability(capability: Capability): Capability {
  const names = capability.space === "extended" ? [DEVICE_SERIAL_NUMBER] : [VITAL_PRODUCT_DATA];
  return names.includes(capability.id) ? { ...capability, decoded: {} } : capability;
}

const DEVICE_SERIAL_NUMBER = 0x3;
const VITAL_PRODUCT_DATA = 0x3;

/** Names that the kernel or udev give by number or place; any other may be a host's, a person's or a MAC's. */
const KERNEL_NAMES: readonly RegExp[] = [
  /^(?:nvme\d+(?:c\d+)?(?:n\d+)?|card\d+|renderD\d+|controlD\d+|accel\d+|fb\d+|host\d+|sd[a-z]{1,3}|vd[a-z]{1,3})$/,
  /^(?:eth|ib|wlan|usb|hl|mlx4_|mlx5_|hfi1_|bnxt_re|irdma|qedr|efa_|erdma_|mana_|cxi|vdpa|dsa|iax|uverbs|umad|issm)\d+$/,
  /^(?:en|wl|ww|ib|roce|rdma|ibn)[ops]?(?:\d+|P\d+)(?:[psfdn]\d+|np\d+|v\d+)*$/,
];

/** True for a name that the kernel or udev gave by number or place. */
export function isKernelName(name: string): boolean {
  return KERNEL_NAMES.some((form) => form.test(name));
}

/** Parameters by name that decide something here, or that an engineer asks for. */
const KEPT_PARAMETERS =
  /^(?:pci|pcie_aspm|pcie_ports|pcie_port_pm|iommu|intel_iommu|amd_iommu|intremap|swiotlb|disable_acs_redir|config_acs|mem_encrypt|efi|(?:iommu|arm-smmu(?:-v3)?|vfio|vfio[-_]pci|vfio_iommu_type1|nvme|nvidia|amdgpu)\.[\w-]+)(?:=|$)/;

function redactKernel(kernel: Kernel): Kernel {
  return { ...kernel, commandLine: mapKnown(kernel.commandLine, keptParameters) };
}

/** Splits at blanks outside of double quotes, as the kernel does. */
function keptParameters(commandLine: string): string {
  const words = commandLine.match(/(?:[^\s"]|"[^"]*"?)+/g) ?? [];
  return words.filter((word) => KEPT_PARAMETERS.test(word.replaceAll('"', ""))).join(" ");
}
