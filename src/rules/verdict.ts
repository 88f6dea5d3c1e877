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
  /** The source does not show how the two hang together. */
  | "topology-hidden"
  /** The source does not show what the host bridge, the CPU or the kernel is. */
  | "host-bridge-hidden"
  | "cpu-hidden"
  | "kernel-hidden";

/** Two functions and how they hang together. */
export interface PairPath {
  readonly provider: Bdf;
  readonly client: Bdf;
  /** The lowest function above both (or one of them), `null` where there is none or it is hidden. */
  readonly meeting: Bdf | null;
  /** From the provider up to the meeting point (or the root), then down to the client; without a meeting point both arms in full. */
  readonly path: readonly Bdf[];
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
}
