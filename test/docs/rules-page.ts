import {
  type AcsAtBoot,
  type AllowListEntry,
  type ConfigAcsReading,
  type KernelRules,
  sameVerdicts,
} from "../../src/rules/kernels/kernel-rules.ts";
import { KERNEL_RULES } from "../../src/rules/kernels/mainline.ts";
import type { BuildOption, VendorKernel } from "../../src/rules/kernels/vendor-kernel.ts";
import { VENDOR_KERNELS } from "../../src/rules/kernels/vendors.ts";
import { tableText, withTable } from "./marked-tables.ts";

/** docs/rules.md with its tables made of the rows. */
export function withRules(page: string): string {
  return withTable(withTable(page, "releases", releases()), "vendors", vendors());
}

function releases(): string {
  const rows = KERNEL_RULES.map((rules, index): readonly string[] => [
    rules.release,
    pairChanges(rules, KERNEL_RULES[index - 1]),
    `${AT_BOOT[rules.acsAtBoot]}${CONFIG_ACS[rules.configAcs]}`,
    mappingText(rules),
    rules.checkedAt,
  ]);
  return tableText(["release", "what decides pairs", "ACS at boot", "a refused mapping", "read in"], rows);
}

const AT_BOOT: Readonly<Record<AcsAtBoot, string>> = {
  clears: "clears",
  mixes: "mixes",
  "starts-from-firmware": "from firmware",
};

const CONFIG_ACS: Readonly<Record<ConfigAcsReading, string>> = {
  "unknown-parameter": "",
  "first-entry": "; config_acs: first entry",
  "every-entry": "; config_acs",
};

function mappingText({ mapping: { refusal, busOffset } }: KernelRules): string {
  return `${refusal ?? "not refused"}${busOffset === "subtracted" ? "; offset subtracted" : ""}`;
}

/** What a row changes against the one before it, in words; all of it in the first row. */
function pairChanges(rules: KernelRules, before: KernelRules | undefined): string {
  if (before === undefined) return "a common upstream bridge only; redirected paths refused";
  const changed = <K extends keyof KernelRules>(key: K): boolean => rules[key] !== before[key];
  const words = [
    ...listChanges(rules, before),
    ...(changed("firstAmdFamily") ? [`AMD by CPU, family ${rules.firstAmdFamily?.toString(16)}h on`] : []),
    ...(changed("rootPortStandsForHostBridge") ? ["root ports stand for their host bridge"] : []),
    ...(changed("redirectedMayUseHostBridge") ? ["redirected paths go through the host bridge"] : []),
    ...(changed("iommuClosesHostBridge")
      ? [rules.iommuClosesHostBridge ? "no list while an IOMMU is in use" : "the list holds with an IOMMU too"]
      : []),
    ...(changed("distanceThroughHostBridge") && rules.distanceThroughHostBridge > 0
      ? [`distance through the host bridge + 0x${rules.distanceThroughHostBridge.toString(16)}`]
      : []),
  ];
  return words.length === 0 ? `as ${before.release}` : words.join("; ");
}

function listChanges(rules: KernelRules, before: KernelRules): readonly string[] {
  const [now, then] = [idsOf(rules), idsOf(before)];
  const [more, less] = [now.filter((id) => !then.includes(id)), then.filter((id) => !now.includes(id))];
  return [
    ...(more.length > 0 ? [`lists ${grouped(more)}`] : []),
    ...(less.length > 0 ? [`no longer ${grouped(less)}`] : []),
  ];
}

const VENDORS: Readonly<Record<number, string>> = {
  32902: "Intel",
  4130: "AMD",
  6880: "Google",
  4318: "Nvidia",
  7447: "Zhaoxin",
};

function idsOf({ allowList }: KernelRules): readonly string[] {
  return idsOfEntries(allowList);
}

function idsOfEntries(entries: readonly AllowListEntry[]): readonly string[] {
  return entries.map(({ vendorId, deviceId, sameHostBridgeOnly }) => {
    const device = deviceId === "any" ? "any device" : deviceId.toString(16).padStart(4, "0");
    return `${VENDORS[vendorId] ?? vendorId.toString(16)}${sameHostBridgeOnly ? " (same host bridge)" : ""}|${device}`;
  });
}

function grouped(ids: readonly string[]): string {
  const groups = new Map<string, string[]>();
  for (const id of ids) {
    const [vendor = "", device = ""] = id.split("|");
    groups.set(vendor, [...(groups.get(vendor) ?? []), device]);
  }
  return [...groups].map(([vendor, devices]) => `${vendor} ${devices.join(" ")}`).join(", ");
}

function vendors(): string {
  return tableText(
    ["kernels", "vendor", "rules", "ACS at boot", "CONFIG_PCI_P2PDMA", "read in"],
    VENDOR_KERNELS.map((vendor) => {
      const { name, kernels, option, readIn } = vendor;
      return [
        `\`${kernels}\``,
        name,
        rulesText(vendor),
        bootText(vendor),
        optionText(option),
        readIn === "" ? "–" : readIn,
      ];
    }),
  );
}

/** The series that a row is of, where it is of one: by its own lower limit. */
function rulesText({ rules }: VendorKernel): string {
  switch (rules.kind) {
    case "none":
      return "none";
    case "kernel.org":
      return "kernel.org's";
    case "read":
      return distinctNames(rules.rows);
    case "unread": {
      const { mayList = [] } = rules;
      const more = mayList.length === 0 ? "" : `; some list ${grouped(idsOfEntries(mayList))}`;
      return `open: its series, or carried back${more}`;
    }
  }
}

/** A row of its own by the release of kernel.org that decides pairs alike; of several the first, and that others are open. */
function distinctNames(rows: readonly KernelRules[]): string {
  const [first, ...others] = rows;
  if (first === undefined) return "none";
  const alike = KERNEL_RULES.filter((row) => sameVerdicts(row, first)).map(({ release }) => release);
  const name = alike.length === 0 ? first.release : `as ${[alike[0], ...alike.slice(1).slice(-1)].join(" – ")}`;
  return others.some((row) => !sameVerdicts(row, first)) ? `${name}, or newer` : name;
}

function bootText({ rules }: VendorKernel): string {
  switch (rules.kind) {
    case "none":
    case "kernel.org":
      return "its series'";
    case "read":
      return [...new Set(rules.rows.map((row) => AT_BOOT[row.acsAtBoot]))].join(" or ");
    case "unread":
      return rules.acsAtBoot === "own-series" ? "its series'" : "open";
  }
}

function optionText({ x86, arm }: BuildOption): string {
  if (x86 === arm) return x86 ?? "–";
  return [...(x86 === undefined ? [] : [`${x86} on x86`]), ...(arm === undefined ? [] : [`${arm} on Arm`])].join(", ");
}
