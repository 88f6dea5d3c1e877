import type { Bdf } from "../pci/bdf.ts";

/** How the kernel maps the provider's memory for the client (`enum pci_p2pdma_map_type`, Linux 5.10 and newer). */
export type MapType = "bus-addr" | "thru-host-bridge" | "not-supported" | "unknown";

/** The one thing that decided a verdict. */
export type Reason =
  /** Provider and client are the same function. */
  | "same-function"
  /** A bridge above both, and nothing on the way redirects. */
  | "common-upstream-bridge"
  /** Through the host bridge, as the CPU is AMD Zen or newer. */
  | "cpu-allowed"
  /** Through the host bridge(s), as the allow-list has them. */
  | "host-bridge-allowed"
  /** Through the host bridge, and it is on no allow-list. */
  | "host-bridge-not-allowed"
  /** The allow-list has the bridge only for pairs below the same host bridge. */
  | "host-bridge-same-only"
  /** The root bus starts with no device that the kernel could look up. */
  | "host-bridge-unidentified"
  /** This kernel has no allow-list: only a common upstream bridge counts. */
  | "no-common-upstream-bridge"
  /** This kernel looks at no host bridge while an IOMMU is in use. */
  | "iommu-closes-host-bridge"
  /** This kernel refuses every redirected path. */
  | "acs-redirect-refused"
  /** This kernel has no P2PDMA. */
  | "kernel-too-old"
  /** The source hides ACS of functions on the path. */
  | "acs-hidden"
  /** The source does not show how the two are connected. */
  | "topology-hidden"
  /** The source does not show what the host bridge, the CPU or the kernel is. */
  | "host-bridge-hidden"
  | "cpu-hidden"
  | "kernel-hidden";

/** Reasons of unknown verdicts that leave open only what the host bridge does: the path is not direct either way. */
export const NOT_DIRECT: ReadonlySet<Reason> = new Set(["host-bridge-hidden", "cpu-hidden", "kernel-hidden"]);

/** Two functions and how they are connected. */
export interface PairPath {
  readonly provider: Bdf;
  readonly client: Bdf;
  /** The lowest function above both (or one of them), `null` where there is none or it is hidden. */
  readonly meeting: Bdf | null;
  /** From the provider up to the meeting point (or the root), then down to the client; without a meeting point both arms in full. */
  readonly path: readonly Bdf[];
}

/** Releases from one to another (`major.minor`), both included; `to` is `null` where newer ones do the same as far as was read. */
export interface ReleaseInterval {
  readonly from: string;
  readonly to: string | null;
}

/** What some releases in a row do with a path through the host bridge(s). */
export interface ReleaseOutcome {
  /** `null` where the source names the kernel, and its rules are known: then there is one outcome. */
  readonly releases: ReleaseInterval | null;
  /** The kernel may be one of the releases, or it is known, and may have the rules of one of them. */
  readonly of: "kernel" | "rules";
  readonly mapType: MapType;
  readonly reason: Reason;
  /** Where the source hides the CPU: what holds on one that the kernel does not trust for itself; else `null`. */
  readonly otherwise: MapType | null;
}

/**
 * What the kernel decides for one provider and one client (`calc_map_type_and_dist`, Linux 7.2), and nothing else: what
 * other witnesses say stands beside it in an `Answer`.
 */
export interface Verdict extends PairPath {
  readonly mapType: MapType;
  readonly reason: Reason;
  /** What the kernel returns: hops, or -1 when not supported; `null` when that is unknown. */
  readonly distance: number | null;
  /** Steps from the provider plus steps from the client, supported or not; `null` when the topology is hidden. */
  readonly hops: number | null;
  /** Functions on the path that redirect, in the order in which the kernel lists them. */
  readonly acsRedirect: readonly Bdf[];
  /** Functions on the path whose ACS control the source hides. */
  readonly acsHidden: readonly Bdf[];
  /** Why something is unknown, in the words of the source, without duplicates; empty for a known verdict. */
  readonly hidden: readonly string[];
  /** Where the source names no kernel, the releases for which a known verdict is claimed; absent for any other. */
  readonly releases?: ReleaseInterval;
  /**
   * What a path through the host bridge(s) comes to, oldest releases first; absent where the pair does not hang on it, or
   * the topology is hidden.
   */
  readonly throughHostBridge?: readonly ReleaseOutcome[];
  /** Whether the pair works, direct or through the host bridge; `null` where that depends on what the source hides. */
  readonly supported: boolean | null;
}
