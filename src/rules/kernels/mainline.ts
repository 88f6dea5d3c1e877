import { type KernelRules, listed } from "./kernel-rules.ts";

const INTEL = 0x8086;
const AMD = 0x1022;
const GOOGLE = 0x1ae0;
const NVIDIA = 0x10de;

/** Sandy Bridge to Broadwell Xeons and Core i7. */
const oldXeons = listed(INTEL, true, 0x3c00, 0x3c01, 0x2f00, 0x2f01);
const zen1 = listed(AMD, false, 0x1450);
/** Raven and Renoir. */
const zenApus = listed(AMD, false, 0x15d0, 0x1630);
const firstSkylake = listed(INTEL, false, 0x2030, 0x2020);
const skylake = listed(INTEL, false, 0x2030, 0x2031, 0x2032, 0x2033, 0x2020);
/** Ice Lake Xeons and what came after them. */
const iceLake = listed(INTEL, false, 0x09a2);
/** DSA, IAX/IAA and QAT endpoints that come first on the root buses of Sapphire Rapids and its successors. */
const accelerators = listed(
  INTEL,
  false,
  0x0b25,
  0x0cfe,
  0x11fb,
  0x1212,
  0x1216,
  0x4940,
  0x4942,
  0x4944,
  0x4946,
  0x4948,
);
const google = listed(GOOGLE, false, "any");
const nvidia = listed(NVIDIA, false, 0x2f95, 0x2f96, 0x2f97, 0x2f98);

type Rules = Omit<KernelRules, "release" | "checkedAt">;

const v4_20: Rules = {
  firstAmdFamily: null,
  allowList: [],
  allowListUnread: false,
  rootPortStandsForHostBridge: false,
  redirectedMayUseHostBridge: false,
  iommuClosesHostBridge: false,
  distanceThroughHostBridge: 0,
  acsAtBoot: "clears",
  configAcs: "unknown-parameter",
  mapping: { refusal: null, busOffset: "subtracted" },
};
const v5_2: Rules = { ...v4_20, allowList: zen1, iommuClosesHostBridge: true, distanceThroughHostBridge: 0x1000 };
const v5_4: Rules = { ...v4_20, allowList: [...zen1, ...oldXeons], redirectedMayUseHostBridge: true };
const v5_6: Rules = { ...v5_4, allowList: [...zen1, ...oldXeons, ...firstSkylake] };
const v5_7: Rules = { ...v5_4, allowList: [...zen1, ...oldXeons, ...skylake] };
const v5_8: Rules = { ...v5_4, allowList: [...zen1, ...zenApus, ...oldXeons, ...skylake] };
const v5_9: Rules = { ...v5_4, firstAmdFamily: 0x17, allowList: [...oldXeons, ...skylake] };
const v5_16: Rules = { ...v5_9, mapping: { refusal: null, busOffset: "added" } };
const v5_18: Rules = { ...v5_16, allowList: [...oldXeons, ...skylake, ...iceLake] };
const v5_19: Rules = { ...v5_18, rootPortStandsForHostBridge: true };
const v6_0: Rules = { ...v5_19, mapping: { refusal: "EREMOTEIO", busOffset: "added" } };
const v6_11: Rules = { ...v6_0, acsAtBoot: "mixes", configAcs: "first-entry" };
const v6_12_23: Rules = { ...v6_0, acsAtBoot: "starts-from-firmware", configAcs: "every-entry" };
const v7_1: Rules = { ...v6_12_23, allowList: [...v6_12_23.allowList, ...google] };
const v7_1_3: Rules = { ...v6_12_23, allowList: [...v6_12_23.allowList, ...accelerators, ...google] };
const v7_3: Rules = { ...v7_1_3, allowList: [...v7_1_3.allowList, ...nvidia] };

function row(release: string, rules: Rules, checkedAt: string): KernelRules {
  return { release, checkedAt, ...rules };
}

/** The request to pull a release's PCI changes, which names every change of its subsystem. */
function pull(release: string, says: string): string {
  return `PCI changes of ${release} as pulled: ${says}`;
}

const noChange = "no change of P2PDMA rules or of ACS at boot";

/**
 * The releases of kernel.org, oldest first, with what each brought. A row holds up to the next one: further patch levels
 * of its series, and releases without a row of their own, of which the rows on both sides have to say the same.
 */
export const KERNEL_RULES: readonly KernelRules[] = [
  row("4.20", v4_20, "torvalds/linux at 02917e9f8676"),
  row("5.0", v4_20, "as 4.20: the first list came with 5.2"),
  row("5.1", v4_20, "as 4.20: the first list came with 5.2"),
  row("5.2", v5_2, pull("5.2", "AMD Zen listed; with its fix before release: no list where an IOMMU is in use")),
  row("5.3", v5_2, pull("5.3", noChange)),
  row("5.4", v5_4, "linux-ipq 5.4 at 7744840b595e; the AMD entry in the patch that made the list"),
  row("5.5", v5_4, pull("5.5", noChange)),
  row("5.6", v5_6, pull("5.6", "Intel 2030 2020 listed")),
  row("5.7", v5_7, pull("5.7", "Intel 2031 2032 2033 listed")),
  row("5.8", v5_8, pull("5.8", "AMD 15d0 1630 listed")),
  row("5.9", v5_9, pull("5.9", "AMD family 17h and newer by CPU, in place of the entries")),
  row("5.10", v5_9, "Debian linux-source-5.10 5.10.223-1"),
  row("5.11", v5_9, "as 5.10 and 5.15"),
  row("5.12", v5_9, "as 5.10 and 5.15"),
  row("5.13", v5_9, "as 5.10 and 5.15"),
  row("5.14", v5_9, "as 5.10 and 5.15"),
  row("5.15", v5_9, "intel linux-lts2021 at a745a76eadab"),
  row("5.16", v5_16, pull("5.16", "the bus offset is added")),
  row("5.17", v5_16, "linux-oem-5.17 at 63eb32704, before its own changes"),
  row("5.18", v5_18, pull("5.18", "Intel 09a2 listed")),
  row("5.19", v5_19, pull("5.19", "root ports at any place stand for their host bridge")),
  row("6.0", v6_0, `${pull("6.0", noChange)}; the DMA API takes peer memory, as in 6.1`),
  row("6.1", v6_0, "Debian linux-source-6.1 6.1.192-2"),
  ...["6.2", "6.3", "6.4", "6.5", "6.6", "6.7", "6.8", "6.9", "6.10"].map((release) =>
    row(release, v6_0, "as 6.1 and 6.12 but for ACS at boot, which 6.11 changed"),
  ),
  row("6.11", v6_11, pull("6.11", "config_acs")),
  row("6.12", v6_11, "what the fix in 6.12.23 took away"),
  row("6.12.23", v6_12_23, "Debian linux-source-6.12 6.12.107-1; the announcement of 6.12.23"),
  row("6.13", v6_11, pull("6.13", noChange)),
  row("6.13.11", v6_12_23, "the fix as queued for 6.13 after 6.13.10"),
  row("6.14", v6_11, pull("6.14", noChange)),
  row("6.14.2", v6_12_23, "the fix as queued for 6.14 after 6.14.1"),
  row("6.15", v6_12_23, pull("6.15", "what config_acs and disable_acs_redir do was mended")),
  row("6.16", v6_12_23, pull("6.16", noChange)),
  row("6.17", v6_12_23, pull("6.17", noChange)),
  row("6.18", v6_12_23, pull("6.18", noChange)),
  row("6.19", v6_12_23, pull("6.19", noChange)),
  row("7.0", v6_12_23, "as 6.19 and the merge window of 7.1, but for what that brought"),
  row("7.1", v7_1, "the merge window of 7.1 (pinctrl-v7.1-1)"),
  row("7.1.3", v7_1_3, "the announcement of 7.1.3, and its patch"),
  row("7.2", v7_1_3, "Debian linux-source-7.2 7.2.13-1"),
  row("7.3", v7_3, "Debian linux-source-7.3 7.3.4-1~bpo13+1"),
];
