import type { Machine } from "../../host/machine.ts";
import { isUnknown } from "../../pci/known.ts";
import { parseKernelRelease } from "../../rules/kernels/kernel-release.ts";
import { vendorOf } from "../../rules/kernels/vendor-kernel.ts";
import { VENDOR_KERNELS } from "../../rules/kernels/vendors.ts";

/** What keeps a machine's kernel command line, each with commands of its own, and whose machines have it. */
export const BOOT_LOADERS = {
  grub: "Debian, Ubuntu, Proxmox VE",
  "grub-file": "GRUB of SUSE, Arch, Gentoo",
  grubby: "Fedora, RHEL",
  "rpm-ostree": "Fedora CoreOS, Silverblue",
  "systemd-boot": "with kernel-install",
  "proxmox-boot-tool": "Proxmox VE with ZFS on UEFI",
  kernelstub: "Pop!_OS",
  talos: "Talos",
} as const;

/** A key of {@link BOOT_LOADERS}. */
export type BootLoader = keyof typeof BOOT_LOADERS;

/** All of them, the commonest first. */
export const BOOT_LOADER_NAMES = Object.keys(BOOT_LOADERS) as readonly BootLoader[];
/** What is shown of a machine whose boot loader is not known. */
export const DEFAULT_BOOT_LOADER: BootLoader = "grub";

/** The boot loader that a machine most likely has, and by what. */
export interface LikelyBootLoader {
  readonly name: BootLoader;
  /** As `Debian's kernel runs`. */
  readonly why: string;
}

/** Words that boot loaders leave on the command line of the kernel that they start. */
const traces: readonly (readonly [trace: RegExp, name: BootLoader, why: string])[] = [
  [/^talos\.platform=/, "talos", "talos.platform= is on the command line"],
  [/^ostree=/, "rpm-ostree", "ostree= is on the command line"],
  [/^initrd=[\\/]+EFI[\\/]+Pop_OS-/i, "kernelstub", "initrd= on the command line is Pop!_OS's"],
  [/^initrd=[\\/]+EFI[\\/]+proxmox[\\/]/i, "proxmox-boot-tool", "initrd= on the command line is Proxmox VE's"],
  [/^initrd=\\/, "systemd-boot", "initrd= on the command line is a path of the EFI system partition"],
];

/** Vendors whose machines have one boot loader as a rule. */
const vendors: readonly (readonly [vendor: RegExp, name: BootLoader])[] = [
  [/^Talos$/, "talos"],
  [/^Pop!_OS$/, "kernelstub"],
  [/^(?:Debian|Ubuntu|Kali)/, "grub"],
  [/^(?:RHEL|Oracle UEK|ELRepo|Fedora|Amazon Linux)/, "grubby"],
  [/^(?:SUSE and openSUSE|openSUSE Tumbleweed|SUSE for Azure)$/, "grub-file"],
];
/** Vendors whose machines have GRUB or something else: `BOOT_IMAGE=` says that it is GRUB. */
const vendorsWithGrub: readonly (readonly [vendor: RegExp, name: BootLoader])[] = [
  [/^Proxmox VE$/, "grub"],
  [/^(?:Arch|Manjaro|CachyOS)$/, "grub-file"],
];

/**
 * The boot loader of a machine by what it left on the command line, then by whose kernel runs; `null` where neither says
 * enough. A snapshot has no traces of boot loaders, so none is no evidence.
 */
export function likelyBootLoader({ kernel }: Pick<Machine, "kernel">): LikelyBootLoader | null {
  const words = isUnknown(kernel.commandLine) ? [] : kernel.commandLine.split(/\s+/);
  for (const [trace, name, why] of traces) {
    if (words.some((word) => trace.test(word))) return { name, why };
  }
  const release = isUnknown(kernel.release) ? undefined : parseKernelRelease(kernel.release);
  const vendor = release === undefined ? undefined : vendorOf(release, VENDOR_KERNELS)?.name;
  if (vendor === undefined) return null;
  const isGrub = words.some((word) => word.startsWith("BOOT_IMAGE="));
  const found = [...vendors, ...(isGrub ? vendorsWithGrub : [])].find(([of]) => of.test(vendor));
  if (found === undefined) return null;
  return {
    name: found[1],
    why: `the kernel is ${vendor}'s${isGrub ? ", and BOOT_IMAGE= is on the command line" : ""}`,
  };
}
