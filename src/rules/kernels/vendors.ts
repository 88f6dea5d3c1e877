import type { KernelRelease } from "./kernel-release.ts";
import type { KernelRules } from "./kernel-rules.ts";

/** What is known of a vendor's kernel. */
export type VendorKernelFacts =
  /** Its own source was read: one row, or several where its release string does not tell which; `of` is what it is named after. */
  | { readonly kind: "read"; readonly rows: readonly KernelRules[]; readonly of: KernelRules }
  /** It is a stable release of kernel.org, `from` or newer in the same series, as its vendor says in `readIn`. */
  | { readonly kind: "mainline"; readonly from: string; readonly readIn: string }
  /** Not read: whatever kernel.org had from its own series on may have been carried back to it. */
  | { readonly kind: "unread"; readonly why: string };

/** A kernel that its vendor changes beyond the release that it is named after. */
export interface VendorKernel {
  /** As sentences name it: `Ubuntu`, `RHEL 9 and its clones`. */
  readonly name: string;
  /** Its release strings, for people: `6.14.0-17-generic and newer`. */
  readonly kernels: string;
  readonly matches: (release: KernelRelease) => boolean;
  readonly facts: VendorKernelFacts;
}

function ubuntu(series: string, firstBuild: number, from: string, readIn: string): VendorKernel {
  return {
    name: "Ubuntu",
    kernels: `${series}.0-${firstBuild}-generic and newer of its series`,
    matches: ({ series: own, suffix }) => {
      const build = /^-(\d+)-generic$/.exec(suffix)?.[1];
      return own === series && build !== undefined && Number(build) >= firstBuild;
    },
    facts: { kind: "mainline", from, readIn },
  };
}

/** Kernels of vendors by their release strings; the first one that matches counts. */
export const VENDOR_KERNELS: readonly VendorKernel[] = [
  ubuntu(
    "6.14",
    17,
    "6.14.4",
    "Proxmox's changelog: Ubuntu-6.14.0-17.17 is based on 6.14.4, and later builds on later ones",
  ),
];
