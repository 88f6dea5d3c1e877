/** A row of the kernel's list of host bridges that it trusts with peer traffic (`pci_p2pdma_whitelist`). */
export interface AllowListEntry {
  readonly vendorId: number;
  readonly deviceId: number | "any";
  /** Holds only when provider and client are below the same host bridge. */
  readonly sameHostBridgeOnly: boolean;
}

/**
 * What the boot makes of the ACS control that the kernel had prepared, where a function is named in `pci=`: `clears`
 * takes the bits out of it; `starts-from-firmware` puts the function back to what firmware left and changes that;
 * `mixes` puts the named bits back to what firmware left and turns every other bit on.
 */
export type AcsAtBoot = "clears" | "mixes" | "starts-from-firmware";

/** How `pci=config_acs=` reads its list: not at all, up to the first entry (the rest is not parsed), to its end. */
export type ConfigAcsReading = "unknown-parameter" | "first-entry" | "every-entry";

/** What a kernel does with memory of a BAR when a driver maps it, beside the verdict. */
export interface PeerMapping {
  /** The errno of a mapping that the verdict refuses, `null` where the DMA API does not look at the verdict. */
  readonly refusal: "EREMOTEIO" | null;
  /** Whether the offset of the BAR's bus address is added to its physical address, as is right, or taken off it. */
  readonly busOffset: "added" | "subtracted";
}

/** What decides pairs in one kernel release. */
export interface VerdictRules {
  /** AMD families whose root complex is trusted, from this one on; `null` before that check came. */
  readonly firstAmdFamily: number | null;
  readonly allowList: readonly AllowListEntry[];
  /** Not read: the list may have any host bridge, and all that is known is that it may. */
  readonly allowListUnread: boolean;
  /** Whether a root port that is not at 00.0 may stand for its host bridge. */
  readonly rootPortStandsForHostBridge: boolean;
  /** Whether a redirected path may go through the host bridge (else it is refused). */
  readonly redirectedMayUseHostBridge: boolean;
  /** Whether an IOMMU in use, translating or not, closes the way through the host bridge. */
  readonly iommuClosesHostBridge: boolean;
  /** What the kernel adds to the hops of a pair whose way leads through the host bridge. */
  readonly distanceThroughHostBridge: number;
}

/** What one kernel release does, from it on to the next one of its table. */
export interface KernelRules extends VerdictRules {
  /** The first release of which it is known: `major.minor`, with a patch level where a series changes within itself. */
  readonly release: string;
  /** The source in which it was checked. */
  readonly checkedAt: string;
  readonly acsAtBoot: AcsAtBoot;
  readonly configAcs: ConfigAcsReading;
  readonly mapping: PeerMapping;
}

/** Entries of an allow-list of one vendor. */
export function listed(
  vendorId: number,
  sameHostBridgeOnly: boolean,
  ...deviceIds: (number | "any")[]
): AllowListEntry[] {
  return deviceIds.map((deviceId) => ({ vendorId, deviceId, sameHostBridgeOnly }));
}

/** True where two rows decide every pair alike. */
export function sameVerdicts(a: KernelRules, b: KernelRules): boolean {
  return verdictKey(a) === verdictKey(b);
}

/** What decides pairs in a row, as text: the same for rows that decide every pair alike. */
export function verdictKey(rules: KernelRules): string {
  const { release: _, checkedAt: __, acsAtBoot: ___, configAcs: ____, mapping: _____, ...verdict } = rules;
  return JSON.stringify(verdict);
}
