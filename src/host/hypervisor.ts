import { type FileTree, readLines, readText, readValue } from "./file-tree.ts";

/** Hypervisors by the name that people know them by; `unnamed` where a source shows only that there is one. */
export const HYPERVISORS = [
  "KVM",
  "QEMU",
  "VMware",
  "Hyper-V",
  "Xen",
  "VirtualBox",
  "Firecracker",
  "Cloud Hypervisor",
  "bhyve",
  "Parallels",
  "Amazon EC2",
  "Google Compute Engine",
  "unnamed",
] as const;

/** One of {@link HYPERVISORS}. */
export type Hypervisor = (typeof HYPERVISORS)[number];

/** What shows that a machine is a guest. */
export const HYPERVISOR_SIGNS = ["cpuinfo", "lscpu", "dmesg", "dmi", "sys/hypervisor", "vmbus", "user"] as const;

/** That a machine is a guest, and what of its source shows it. */
export interface GuestOf {
  readonly hypervisor: Hypervisor;
  readonly shownBy: (typeof HYPERVISOR_SIGNS)[number];
}

/** Words by which kernel, firmware and tools name a hypervisor, the surer first. */
const names: readonly (readonly [pattern: RegExp, name: Hypervisor])[] = [
  [/\bfirecracker\b/i, "Firecracker"],
  [/\bcloud hypervisor\b/i, "Cloud Hypervisor"],
  [/\bvmware/i, "VMware"],
  [/\b(?:microsoft|hyper-?v)\b/i, "Hyper-V"],
  [/\b(?:virtualbox|innotek|oracle vm)\b/i, "VirtualBox"],
  [/\bxen\b/i, "Xen"],
  [/\bbhyve\b/i, "bhyve"],
  [/\bparallels\b/i, "Parallels"],
  [/\bkvm\b/i, "KVM"],
  [/\b(?:qemu|tcg)\b/i, "QEMU"],
];

function nameIn(text: string): Hypervisor {
  return names.find(([pattern]) => pattern.test(text))?.[1] ?? "unnamed";
}

/** Firmware of guests: vendor and product of DMI. Clouds put their names on bare metal too, and call that so. */
const firmware: readonly (readonly [pattern: RegExp, name: Hypervisor])[] = [
  [/^QEMU /, "QEMU"],
  [/^VMware, Inc\. VMware/, "VMware"],
  [/^Microsoft Corporation Virtual Machine/, "Hyper-V"],
  [/^innotek GmbH VirtualBox/, "VirtualBox"],
  [/^Xen HVM domU/, "Xen"],
  [/^(?:Red Hat|OpenStack Foundation|oVirt|RDO|Nutanix|KubeVirt) .*(?:KVM|OpenStack|RHEV|AHV|None|oVirt)/, "KVM"],
  [/^Parallels /, "Parallels"],
  [/^cloud-hypervisor /i, "Cloud Hypervisor"],
  [/^BHYVE /, "bhyve"],
  [/^Amazon EC2 (?!.*\bmetal\b)\S/, "Amazon EC2"],
];

function ofFirmware(text: string, shownBy: GuestOf["shownBy"]): GuestOf | undefined {
  const name = firmware.find(([pattern]) => pattern.test(text))?.[1];
  return name === undefined ? undefined : { hypervisor: name, shownBy };
}

const hasFlag = (flags: string): boolean => /(?:^|\s)hypervisor(?:\s|$)/.test(flags);

/**
 * What a line of `/proc/cpuinfo`, `lscpu` or the kernel's log (without its time) says of a hypervisor. Xen's own first
 * domain drives the real machine, though its processors have the flag as well: it is no guest, which `null` says.
 */
export function guestOfLine(text: string): GuestOf | null | undefined {
  const flags = /^flags\s*: (.*)$/.exec(text)?.[1];
  if (flags !== undefined) return hasFlag(flags) ? { hypervisor: "unnamed", shownBy: "cpuinfo" } : undefined;
  const listed = /^Flags:\s+(.*)$/.exec(text)?.[1];
  if (listed !== undefined) return hasFlag(listed) ? { hypervisor: "unnamed", shownBy: "lscpu" } : undefined;
  const vendor = /^Hypervisor vendor:\s+(\S.*)$/.exec(text)?.[1];
  if (vendor !== undefined) return { hypervisor: nameIn(vendor), shownBy: "lscpu" };
  if (/^Virtualization type:\s+none$/.test(text) || /^Xen: initial domain\b|^xen:? .*\bdom0\b/i.test(text)) return null;
  const detected = /^(?:Hypervisor detected: |Booting paravirtualized kernel on )(\S.*)$/.exec(text)?.[1];
  if (detected !== undefined) {
    return /^bare hardware\b/.test(detected) ? undefined : { hypervisor: nameIn(detected), shownBy: "dmesg" };
  }
  const dmi = /^DMI: (.*)$/.exec(text)?.[1];
  return dmi === undefined ? undefined : ofFirmware(dmi, "dmesg");
}

/**
 * What a tree with `sys/` and `proc/` shows of a hypervisor; `undefined` where nothing says that there is one, and on Xen
 * where the tree does not tell a guest from the first domain, which has the same type and flag.
 */
export function guestOfTree(tree: FileTree): GuestOf | undefined {
  if (readText(tree, "proc/xen/capabilities")?.includes("control_d") === true) return undefined;
  const field = (name: string): string => readValue(tree, `sys/class/dmi/id/${name}`) ?? "";
  const type = readValue(tree, "sys/hypervisor/type");
  // The first domain is none of hardware virtualization.
  if (type !== undefined && (type !== "xen" || readValue(tree, "sys/hypervisor/guest_type") === "HVM"))
    return { hypervisor: nameIn(type), shownBy: "sys/hypervisor" };
  const byFirmware = ofFirmware(`${field("sys_vendor")} ${field("product_name")}`, "dmi");
  if (byFirmware !== undefined) return byFirmware;
  if ((tree.list("sys/bus/vmbus/devices") ?? []).length > 0) return { hypervisor: "Hyper-V", shownBy: "vmbus" };
  if (type !== undefined) return undefined;
  const flags = /^flags\s*: (.*)$/m.exec(readLines(tree, "proc/cpuinfo", 64 * 1024)?.text ?? "")?.[1] ?? "";
  return hasFlag(flags) ? { hypervisor: "unnamed", shownBy: "cpuinfo" } : undefined;
}
