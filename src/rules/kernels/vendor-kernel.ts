import type { KernelRelease } from "./kernel-release.ts";
import { type AllowListEntry, type KernelRules, listed } from "./kernel-rules.ts";
import { KERNEL_RULES } from "./mainline.ts";

/** By which rules a vendor's kernel decides. */
export type VendorRules =
  /** All that its vendor changes was read, and none of it touches them: the release of kernel.org that it is named after. */
  | { readonly kind: "kernel.org" }
  /** Its own source was read: one row, or several where the builds after the newest read may be any of them. */
  | { readonly kind: "read"; readonly rows: readonly KernelRules[] }
  /** Not read: whatever kernel.org had from its own series on may have been carried back to it. */
  | Unread
  /** No build has P2PDMA, whatever source is in it. */
  | { readonly kind: "none"; readonly why: string };

/** Rules that were not read. */
export interface Unread {
  readonly kind: "unread";
  /** Whether what the boot does to ACS may have been carried back too, or is that of its own series. */
  readonly acsAtBoot: "own-series" | "any";
  /** The least patch level of its series that it is based on, where its name keeps that at 0. */
  readonly patchFrom?: number;
  /** Host bridges that some of its builds list, and kernel.org does not. */
  readonly mayList?: readonly AllowListEntry[];
}

/** Whether a vendor builds its kernels with CONFIG_PCI_P2PDMA: where an architecture is left out nothing was read. */
export interface BuildOption {
  readonly x86?: "on" | "off";
  readonly arm?: "on" | "off";
}

/** Kernels of one vendor, and those of its builds that are alike. */
export interface VendorKernel {
  /** As sentences name it: `Ubuntu`, `RHEL 9 and its clones`. */
  readonly name: string;
  /** Its release strings, as people write them: `5.14.0-N.el9`. */
  readonly kernels: string;
  /** What its release strings have behind the numbers of the series and patch level. */
  readonly suffix: RegExp;
  /** The first release, and the first that is no longer one, number by number (`5.14.0-117`); all where left out. */
  readonly from?: string;
  readonly before?: string;
  readonly rules: VendorRules;
  readonly option: BuildOption;
  /** Where it was read; empty where nothing was. */
  readonly readIn: string;
}

/** The first row of `rows` that a release string belongs to. */
export function vendorOf(release: KernelRelease, rows: readonly VendorKernel[]): VendorKernel | undefined {
  const numbers = numbersOf(release.text);
  return rows.find(
    ({ suffix, from, before }) =>
      suffix.test(release.suffix) &&
      (from === undefined || !isBelow(numbers, numbersOf(from))) &&
      (before === undefined || isBelow(numbers, numbersOf(before))),
  );
}

/** The numbers that a release string starts with: 5, 14, 0, 427, 13, 1 of `5.14.0-427.13.1.el9_4.x86_64`. */
function numbersOf(text: string): readonly number[] {
  return (/^\d+(?:[.-]\d+)*/.exec(text)?.[0] ?? "").split(/[.-]/).map(Number);
}

/** Number by number; one that is missing counts as 0. */
function isBelow(numbers: readonly number[], limit: readonly number[]): boolean {
  for (const [place, number] of limit.entries()) {
    const own = numbers[place] ?? 0;
    if (own !== number) return own < number;
  }
  return false;
}

/** Why the rules of a kernel that was not read are open, and how to know. */
export function unreadSentence({ name }: VendorKernel, series: string): string {
  return `a vendor kernel (${name}): changes may be carried back under ${series}, and its source was not read; look for the host bridge's ids in drivers/pci/p2pdma.c of its source, or give --rules with the release that it equals`;
}

/** Rows of kernel.org from a series on. */
export function rowsFrom(series: string): readonly KernelRules[] {
  const position = KERNEL_RULES.findIndex(({ release }) => release === series);
  if (position < 0) throw new RangeError(`no row of ${series}`);
  return KERNEL_RULES.slice(position);
}

/** A row of its own with what kernel.org has in another release. */
export function rowLike(
  release: string,
  like: string,
  checkedAt: string,
  changes: Partial<KernelRules> = {},
): KernelRules {
  return { ...(rowsFrom(like)[0] as KernelRules), ...changes, release, checkedAt };
}

/** Nothing was read of its builds. */
export const NOTHING_READ: BuildOption = {};
export const ON: BuildOption = { x86: "on", arm: "on" };
export const OFF: BuildOption = { x86: "off", arm: "off" };
export const X86_ON: BuildOption = { x86: "on" };
export const X86_OFF: BuildOption = { x86: "off" };

/** What its vendor changes was read, and leaves p2pdma.c and pci.c as kernel.org has them. */
export const KERNEL_ORG: VendorRules = { kind: "kernel.org" };

/** Of vendors who carry features back, as el9 did with `config_acs`. */
export const UNREAD: Unread = { kind: "unread", acsAtBoot: "any" };

/**
 * Of vendors who were read in other series, at late builds, and had carried nothing back there: Ubuntu's 5.4, 5.15, 5.17
 * and 6.11, five series of Debian's, Fedora's up to 6.3, Flatcar's patches. MODEL: what the boot does to ACS is taken to
 * be that of its own series for kernels of Ubuntu, Proxmox, Debian, Fedora and Flatcar that were not read.
 */
export const UNREAD_OWN_ACS: Unread = { kind: "unread", acsAtBoot: "own-series" };

const ZHAOXIN = 0x1d17;

/** Of Chinese vendors: KX-6000, KX-7000, KH-40000 and KH-50000 stand on their lists, from builds on that are not known. */
export const UNREAD_MAY_LIST_ZHAOXIN: Unread = {
  ...UNREAD,
  mayList: [...listed(ZHAOXIN, true, 0x1003, 0x1005, 0x1006, 0x1007), ...listed(ZHAOXIN, false, 0x1008)],
};

/** A row of a vendor of whom nothing was read. */
export function unreadVendor(name: string, kernels: string, suffix: RegExp, rules: VendorRules = UNREAD): VendorKernel {
  return { name, kernels, suffix, rules, option: NOTHING_READ, readIn: "" };
}
