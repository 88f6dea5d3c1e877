import type { Route } from "../fabric/route.ts";
import type { Bdf } from "../pci/bdf.ts";
import type { MapType } from "../rules/verdict.ts";

/**
 * How a route differs from the kernel's verdict. `not-delivered`: the request or its completion ends on the way.
 * `elsewhere`: it reaches something else than the provider's BAR. `goes-up`: the kernel calls the path direct, and it
 * passes the root complex. `stays-below`: the kernel sends it through the host bridge, and it never gets there.
 */
export type PeerDifference = "not-delivered" | "elsewhere" | "goes-up" | "stays-below";

/** The memory that was meant. */
export interface PeerTarget {
  readonly provider: Bdf;
  readonly bar: number;
  /** True for a function that reaches its own memory, which needs no way at all. */
  readonly isOwn: boolean;
}

/**
 * Compares a route, and whether it or its completion passes the root complex, with the verdict that handed its address
 * out; `null` where the two agree.
 */
export function peerDifference(
  { outcome, target }: Pick<Route, "outcome" | "target">,
  passesRoot: boolean,
  mapType: Exclude<MapType, "unknown">,
  { provider, bar, isOwn }: PeerTarget,
): PeerDifference | null {
  // The kernel hands none of it out: what drivers do that do not ask it contradicts nothing.
  if (mapType === "not-supported") return null;
  if (outcome !== "delivered") return "not-delivered";
  if (target?.kind !== "bar" || target.fn !== provider || target.bar !== bar || target.offset !== 0) return "elsewhere";
  if (mapType === "bus-addr") return passesRoot ? "goes-up" : null;
  return passesRoot || isOwn ? null : "stays-below";
}
