/** A row of the kernel's list of host bridges that it trusts with peer traffic (`pci_p2pdma_whitelist`). */
export interface AllowListEntry {
  readonly vendorId: number;
  readonly deviceId: number | "any";
  /** Holds only when provider and client are below the same host bridge. */
  readonly sameHostBridgeOnly: boolean;
}

/** The rules of one kernel release, as far as they differ between releases. */
export interface KernelRules {
  /** The release at which they were checked, `major.minor`. */
  readonly release: string;
  /** The source in which they were checked. */
  readonly checkedAt: string;
  /** AMD families whose root complex is trusted, from this one on; `null` before that check came. */
  readonly firstAmdFamily: number | null;
  readonly allowList: readonly AllowListEntry[];
  /** Whether a root port that is not at 00.0 may stand for its host bridge. */
  readonly rootPortStandsForHostBridge: boolean;
  /** Whether a redirected path may go through the host bridge (else it is refused). */
  readonly redirectedMayUseHostBridge: boolean;
}

const INTEL = 0x8086;
const AMD = 0x1022;
const GOOGLE = 0x1ae0;
const NVIDIA = 0x10de;

function listed(vendorId: number, sameHostBridgeOnly: boolean, ...deviceIds: (number | "any")[]): AllowListEntry[] {
  return deviceIds.map((deviceId) => ({ vendorId, deviceId, sameHostBridgeOnly }));
}

/** Sandy Bridge to Broadwell Xeons and Core i7. */
const oldXeons = listed(INTEL, true, 0x3c00, 0x3c01, 0x2f00, 0x2f01);
const skylake = listed(INTEL, false, 0x2030, 0x2031, 0x2032, 0x2033, 0x2020);
/** Ice Lake Xeons. */
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

const zen = 0x17;

const linux6: Omit<KernelRules, "release" | "checkedAt"> = {
  firstAmdFamily: zen,
  allowList: [...oldXeons, ...skylake, ...iceLake],
  rootPortStandsForHostBridge: true,
  redirectedMayUseHostBridge: true,
};
const linux510: Omit<KernelRules, "release" | "checkedAt"> = {
  firstAmdFamily: zen,
  allowList: [...oldXeons, ...skylake],
  rootPortStandsForHostBridge: false,
  redirectedMayUseHostBridge: true,
};
const linux72 = [...linux6.allowList, ...accelerators, ...listed(GOOGLE, false, "any")];

/**
 * The rules of each release that was read, oldest first. A release between two rows has the rules of both where they
 * are the same; where they differ, Peerlane does not know which of the two it has, and says so.
 */
export const KERNEL_RULES: readonly KernelRules[] = [
  {
    release: "4.20",
    checkedAt: "torvalds/linux at 02917e9f8676",
    firstAmdFamily: null,
    allowList: [],
    rootPortStandsForHostBridge: false,
    redirectedMayUseHostBridge: false,
  },
  {
    release: "5.4",
    checkedAt: "linux-ipq 5.4 at 7744840b595e; the AMD entry in the patch that made the list",
    firstAmdFamily: null,
    allowList: [...listed(AMD, false, 0x1450), ...oldXeons],
    rootPortStandsForHostBridge: false,
    redirectedMayUseHostBridge: true,
  },
  {
    release: "5.8",
    checkedAt: "the patch that was taken for 5.8 and the one that removed the AMD entries again; the rest as in 5.10",
    firstAmdFamily: null,
    allowList: [...listed(AMD, false, 0x1450, 0x15d0, 0x1630), ...oldXeons, ...skylake],
    rootPortStandsForHostBridge: false,
    redirectedMayUseHostBridge: true,
  },
  { release: "5.10", checkedAt: "Debian linux-source-5.10 5.10.223-1", ...linux510 },
  { release: "5.15", checkedAt: "intel linux-lts2021 at a745a76eadab", ...linux510 },
  { release: "5.17", checkedAt: "linux-oem-5.17 at 7d0487daf2f5", ...linux510 },
  { release: "6.1", checkedAt: "Debian linux-source-6.1 6.1.192-2", ...linux6 },
  { release: "6.12", checkedAt: "Debian linux-source-6.12 6.12.107-1", ...linux6 },
  { release: "7.2", checkedAt: "Debian linux-source-7.2 7.2.13-1", ...linux6, allowList: linux72 },
  {
    release: "7.3",
    checkedAt: "Debian linux-source-7.3 7.3.4-1~bpo13+1",
    ...linux6,
    allowList: [...linux72, ...listed(NVIDIA, false, 0x2f95, 0x2f96, 0x2f97, 0x2f98)],
  },
];
