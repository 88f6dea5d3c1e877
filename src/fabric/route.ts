import type { DmaAddr, PhysAddr } from "../pci/addresses.ts";
import type { Bdf } from "../pci/bdf.ts";

/**
 * A request of a device, one or more TLPs; of no bytes it is a single one that moves none, as reads are that flush writes
 * (PCIe 6.0 sec 2.2.5). `translated`: the address was translated by ATS (PCIe 6.0 sec 2.2.4.1).
 *
 * MODEL: memory reads and writes without PASID; no translation requests (AT = 01), no AtomicOps, no messages.
 */
export interface MemoryRequest {
  readonly requester: Bdf;
  readonly kind: "read" | "write";
  readonly address: DmaAddr;
  readonly lengthBytes: number;
  readonly addressType: "untranslated" | "translated";
  /** The requester id in the TLP where it is not the requester's own (spoofed): what Source Validation is against. */
  readonly requesterId?: Bdf;
  /** The Relaxed Ordering attribute, which the completion copies and Completion Redirect spares; absent: clear. */
  readonly relaxedOrdering?: boolean;
}

/**
 * How a request ends. `delivered`; `unsupported-request` (nothing claims the address, memory decode is off, the root
 * complex refuses); `acs-violation`; `iommu-fault`; `lost` (a posted write that a root complex or switch drops without an
 * error, a completion that does not find its way); `not-issued` (bus mastering is off).
 */
export type RouteOutcome =
  | "delivered"
  | "unsupported-request"
  | "acs-violation"
  | "iommu-fault"
  | "lost"
  | "not-issued";

/** What was reached. */
export type RouteTarget =
  | { readonly kind: "dram"; readonly phys: PhysAddr }
  | { readonly kind: "bar"; readonly fn: Bdf; readonly bar: number; readonly offset: number }
  /** A message-signalled interrupt: no memory is written. */
  | { readonly kind: "interrupt"; readonly address: number };

/** One step of a request or of its completion, for people. */
export interface RouteHop {
  /** A function, or the root complex of a root bus. */
  readonly at: Bdf | "root-complex";
  readonly what: "issue" | "up" | "across" | "down" | "redirect" | "translate" | "reflect" | "complete" | "end";
  readonly address: number;
  /** What the hop decided and why, in the field's words. */
  readonly words: string;
}

/** Where a request went and how it ended, with the hops when asked for. */
export interface Route {
  readonly outcome: RouteOutcome;
  readonly target: RouteTarget | null;
  /** Where it ended. */
  readonly endedAt: Bdf | "root-complex";
  readonly reason: string;
  readonly hops: readonly RouteHop[];
}
