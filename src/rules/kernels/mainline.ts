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
  return `request to pull of ${release}: ${says}`;
}

/** A source tree of somebody's, of which `scripts/kernel-facts.ts` read what the row says. */
function tree(version: string, repository: string): string {
  return `${version} (${repository})`;
}

const noChange = "nothing of P2PDMA's rules or of ACS at boot";

/**
 * The releases of kernel.org, oldest first, with what each brought. A row holds up to the next one: further patch levels
 * of its series, and releases without a row of their own, of which the rows on both sides have to say the same.
 */
export const KERNEL_RULES: readonly KernelRules[] = [
  row("4.20", v4_20, `${tree("4.20", "a4913994/linux-4.20")}; torvalds/linux at 02917e9f8676`),
  row("5.0", v4_20, tree("5.0.1", "VVvector/linux-5.0.1")),
  row("5.1", v4_20, "as 5.0; the first list came with 5.2"),
  row("5.2", v5_2, `${tree("5.2.1", "wangliang-cs/linux-5.2.1")}; ${pull("5.2", "AMD Zen listed")}`),
  row("5.3", v5_2, `${tree("5.3.1", "github-lvbing/linux-5.3.1")}; ${pull("5.3", noChange)}`),
  row(
    "5.4",
    v5_4,
    `${tree("5.4.120", "Rlyown/linux-5.4.120-LSM_file")}; 5.4.284, 5.4.291; ${pull("5.4", "the list, and the way through")}`,
  ),
  row("5.5", v5_4, pull("5.5", noChange)),
  row("5.6", v5_6, `${tree("5.6.4", "shmily1012/linux-5.6.4")}; ${pull("5.6", "Sky Lake-E listed")}`),
  row("5.7", v5_7, `${tree("5.7.14", "a5221985/linux-5.7.14")}; ${pull("5.7", "root ports B, C, D listed")}`),
  row("5.8", v5_8, `${tree("5.8.1", "semwett0301/linux-5.8.1")}; ${pull("5.8", "Raven and Renoir listed")}`),
  row("5.9", v5_9, `${tree("5.9.1", "ach84/linux-5.9.1")}; ${pull("5.9", "Zen by CPU")}`),
  row("5.10", v5_9, "Debian linux-source-5.10 5.10.262-1"),
  row("5.11", v5_9, tree("5.11.4", "amwtkes/linux-5.11.4-back")),
  row("5.12", v5_9, "as 5.11 and 5.14"),
  row("5.13", v5_9, "as 5.11 and 5.14"),
  row("5.14", v5_9, tree("5.14-rc5", "lsk-legends/linux-5.14")),
  row("5.15", v5_9, `${tree("5.15.200", "balabit-deps/balabit-os-9-linux")}; intel linux-lts2021 at a745a76eadab`),
  row("5.16", v5_16, pull("5.16", "the bus offset is added")),
  row("5.17", v5_16, `${tree("5.17-rc5", "dunli/linux-5.17")}; linux-oem-5.17 at 63eb32704`),
  row("5.18", v5_18, pull("5.18", "Ice Lake Xeons listed")),
  row("5.19", v5_19, `${tree("5.19", "yishangzhang/linux-5.19")}; ${pull("5.19", "root ports at any devfn")}`),
  row("6.0", v6_0, tree("6.0.1", "HHRhr/linux-6.0.1")),
  row("6.1", v6_0, "Debian linux-source-6.1 6.1.192-3"),
  row("6.2", v6_0, tree("6.2.1", "daniellucs2002/linux-6.2.1-customized")),
  row("6.3", v6_0, tree("6.3.8", "SToPire/linux-6.3.8")),
  ...["6.4", "6.5", "6.6", "6.7"].map((release) => row(release, v6_0, "as 6.3 and 6.8")),
  row("6.8", v6_0, tree("6.8", "vivo50kff/linux-6.8")),
  ...["6.9", "6.10"].map((release) => row(release, v6_0, "as 6.8 and 6.11 but for ACS at boot, which 6.11 changed")),
  row("6.11", v6_11, `${tree("6.11.11", "m-santh/linux_6.11.0-19-generic")}; ${pull("6.11", "config_acs")}`),
  row("6.12", v6_11, "what the fix that came with 6.12.23 took away"),
  row("6.12.23", v6_12_23, "Debian linux-source-6.12 6.12.117-1; the announcement of 6.12.23"),
  row("6.13", v6_11, tree("6.13.7", "ChenRuiwei/linux-6.13.7")),
  row("6.13.11", v6_12_23, "the fix as queued for 6.13 after 6.13.10"),
  row("6.14", v6_11, tree("6.14", "perishh/linux-6.14")),
  row("6.14.2", v6_12_23, "the fix as queued for 6.14 after 6.14.1"),
  row("6.15", v6_12_23, pull("6.15", "what config_acs and disable_acs_redir do is mended")),
  row("6.16", v6_12_23, pull("6.16", noChange)),
  row("6.17", v6_12_23, `${tree("6.17", "busysteve/linux-6.17.0-rust-ported-c")}; ${pull("6.17", noChange)}`),
  row("6.18", v6_12_23, pull("6.18", noChange)),
  row("6.19", v6_12_23, `${tree("6.19", "matankalina/linux-6.19.10-fork")}; ${pull("6.19", noChange)}`),
  row("7.0", v6_12_23, tree("7.0", "julianw1010/hydra-linux-7.0.0")),
  row("7.1", v7_1, tree("7.1.2", "yulee1982/s5p6818_linux-7.1.2")),
  row("7.1.3", v7_1_3, `${tree("7.1.5", "danayer/linux-7.1.5")}; the announcement of 7.1.3`),
  row("7.2", v7_1_3, "Debian linux-source-7.2 7.2.13-1"),
  row("7.3", v7_3, "Debian linux-source-7.3 7.3.4-1~bpo13+1"),
];
