import type { Machine } from "../../host/machine.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { isUnknown } from "../../pci/known.ts";
import { type KernelRelease, numberOfOurs, parseKernelRelease, releaseOfOurs } from "./kernel-release.ts";
import { type AllowListEntry, type KernelRules, sameVerdicts } from "./kernel-rules.ts";
import { KERNEL_RULES } from "./mainline.ts";
import { type Unread, unreadSentence, type VendorKernel, vendorOf } from "./vendor-kernel.ts";
import { VENDOR_KERNELS } from "./vendors.ts";

/** Which kernel's rules decide. */
export interface RulesChoice {
  /** The release that was asked for, `major.minor`, or `null` where the source does not say. */
  readonly release: string | null;
  /** The whole release string, `null` where the source does not say it. */
  readonly asked: string | null;
  /** Whose kernel it is, where its release string says so and it is known here; `null` for one of kernel.org. */
  readonly vendor: string | null;
  readonly chosenBy: "kernel" | "flag" | "nothing";
  /**
   * Rule sets that this release may have, oldest first: all rows where nothing is known of it, else those of which no two
   * neighbours decide all pairs alike.
   */
  readonly candidates: readonly KernelRules[];
  /** Why there is more than one candidate. */
  readonly hidden: string;
}

/** What a kernel may be: the rows that its release string leaves possible, oldest first. */
export interface KernelRows {
  readonly rows: readonly KernelRules[];
  /** Those that may decide what the boot does to ACS: others, where that alone may have been carried back, or not. */
  readonly bootRows: readonly KernelRules[];
  /** The row of its vendor, `null` for a kernel of kernel.org. */
  readonly vendor: VendorKernel | null;
  /** Why there is more than one row. */
  readonly hidden: string;
}

const FIRST = KERNEL_RULES[0] as KernelRules;
const NEWEST = KERNEL_RULES.at(-1) as KernelRules;
const parsedRows = KERNEL_RULES.map((rules) => ({ rules, release: releaseOfOurs(rules.release) }));
const firstNumber = numberOfOurs(FIRST.release);
const newestNumber = numberOfOurs(NEWEST.release);

/** Every release of which rules are known, `major.minor`, oldest first. */
export const RELEASES: readonly string[] = [...new Set(parsedRows.map(({ release }) => release.series))];

/**
 * Chooses the rules: those of `override` (a release such as `6.12`, or a whole `uname -r`), else those of the machine's
 * kernel, else all that any release has. Throws `usage` for an override that is no release.
 */
export function chooseRules(machine: Pick<Machine, "kernel">, override?: string): RulesChoice {
  if (override !== undefined) {
    const release = parseKernelRelease(override);
    if (release === undefined) {
      throw new PeerlaneError("usage", `'${override}' is no kernel release`, {
        remedy: `name it as 6.12; rules are known from ${FIRST.release} to ${NEWEST.release}`,
      });
    }
    const { rows, vendor } = rowsOf(release);
    if (rows.length === 0) {
      const why =
        vendor?.rules.kind === "none"
          ? vendor.rules.why
          : `Linux ${override} has no P2PDMA and no rules: it came with ${FIRST.release}`;
      throw new PeerlaneError("usage", why, {
        remedy: `name a release from ${FIRST.release} to ${NEWEST.release}; --kernel asks what an older kernel would do`,
      });
    }
    return choiceOf(release, "flag");
  }
  const text = machine.kernel.release;
  const release = isUnknown(text) ? undefined : parseKernelRelease(text);
  if (release !== undefined) return choiceOf(release, "kernel");
  const hidden = isUnknown(text) ? text.unknown : `the kernel's release '${text}' has no number; give --kernel`;
  return { release: null, asked: null, vendor: null, chosenBy: "nothing", candidates: KERNEL_RULES, hidden };
}

function choiceOf(release: KernelRelease, chosenBy: RulesChoice["chosenBy"]): RulesChoice {
  const { rows, vendor, hidden } = rowsOf(release);
  const candidates = distinct(rows);
  const isOpen = candidates.length > 1 || rows.length === 0;
  return {
    release: release.series,
    asked: release.text,
    vendor: vendor?.name ?? null,
    chosenBy,
    candidates,
    hidden: isOpen ? hidden : "",
  };
}

/** The rows that a release string leaves possible: none before P2PDMA, several where its series changed within itself. */
export function rowsOf(release: KernelRelease): KernelRows {
  const vendor = vendorOf(release, VENDOR_KERNELS);
  if (vendor === undefined) return { ...mainlineRows(release), vendor: null };
  const { rules } = vendor;
  switch (rules.kind) {
    case "none":
      return { rows: [], bootRows: [], hidden: rules.why, vendor };
    case "kernel.org":
      return { ...mainlineRows(release), vendor };
    case "read": {
      const hidden = `${release.text} does not say which of the kernels of ${vendor.name} it is, or is newer than what was read`;
      return { rows: rules.rows, bootRows: rules.rows, hidden, vendor };
    }
    case "unread":
      return { ...unreadRows(release, vendor, rules), vendor };
  }
}

/** The rules of its own series and of every newer release: any of them may have been carried back. */
function unreadRows(release: KernelRelease, vendor: VendorKernel, rules: Unread): Omit<KernelRows, "vendor"> {
  const own = mainlineRows(release, rules.patchFrom);
  if (release.number < firstNumber || release.number > newestNumber) return own;
  const [base] = own.rows;
  const newer = KERNEL_RULES.slice(KERNEL_RULES.indexOf(base as KernelRules));
  const listing = rules.mayList === undefined ? [] : [alsoListing(base as KernelRules, rules.mayList, vendor)];
  return {
    rows: [...newer, ...listing],
    bootRows: rules.acsAtBoot === "any" ? KERNEL_RULES : own.bootRows,
    hidden: unreadSentence(vendor, release.series),
  };
}

function alsoListing(rules: KernelRules, entries: readonly AllowListEntry[], vendor: VendorKernel): KernelRules {
  return {
    ...rules,
    release: `${rules.release} of ${vendor.name}`,
    checkedAt: vendor.readIn,
    allowList: [...rules.allowList, ...entries],
  };
}

function mainlineRows(release: KernelRelease, atLeastPatch = 0): Omit<KernelRows, "vendor"> {
  const { series, number, patch } = release;
  if (number < firstNumber) {
    return { rows: [], bootRows: [], hidden: `Linux ${series} has no P2PDMA: it came with ${FIRST.release}` };
  }
  if (number > newestNumber) return newerThanRead(series);
  // What never was a release (4.21) is taken for the last one before it.
  const nearest = parsedRows.findLast((row) => row.release.number <= number)?.release.number;
  const own = parsedRows.filter((row) => row.release.number === nearest);
  const upTo = (level: number): number => own.findLastIndex((row) => (row.release.patch ?? 0) <= level);
  const from = upTo(patch ?? atLeastPatch);
  const possible = patch === null ? own.slice(from) : own.slice(from, from + 1);
  const [first, ...later] = possible.map(({ rules }) => rules);
  if (first === undefined) throw new RangeError(`the rows of ${series} start after its first release`);
  const changes = later.map((rules) => rules.release).join(" and ");
  const hidden = `Linux ${series} changed with ${changes}, and the release '${release.text}' does not say on which side of it the kernel is; give --kernel with the patch level`;
  return { rows: [first, ...later], bootRows: [first, ...later], hidden };
}

/** A release after the newest read has its rules, and maybe more host bridges on its list. */
function newerThanRead(series: string): Omit<KernelRows, "vendor"> {
  const later: KernelRules = {
    ...NEWEST,
    release: series,
    checkedAt: "not read",
    allowListUnread: true,
  };
  return {
    rows: [NEWEST, later],
    bootRows: [NEWEST],
    hidden: `not on the allow-list of Linux ${NEWEST.release}, the newest read, and that of Linux ${series} may have more`,
  };
}

/** Rows without those that decide all pairs as the one before them. */
function distinct(rows: readonly KernelRules[]): readonly KernelRules[] {
  return rows.filter((rules, index) => {
    const before = rows[index - 1];
    return before === undefined || !sameVerdicts(before, rules);
  });
}

/** The newest release whose rules were read, where a newer one was asked for and is decided by them; else `null`. */
export function newestRead({ candidates }: RulesChoice): string | null {
  return candidates.at(-1)?.allowListUnread === true && candidates[0]?.allowListUnread === false
    ? NEWEST.release
    : null;
}

/** Whether a row is one of a vendor's own builds, and none of kernel.org's releases. */
export function isOwnRow(rules: KernelRules | undefined): rules is KernelRules {
  return rules !== undefined && !rules.allowListUnread && !KERNEL_RULES.includes(rules);
}
