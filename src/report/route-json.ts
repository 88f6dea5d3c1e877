import { formatAddress } from "../pci/addresses.ts";
import { type Bdf, formatBdf } from "../pci/bdf.ts";
import { isUnknown, type Known } from "../pci/known.ts";
import type { PeerRoute, PeerRouting } from "../routes/peer-routes.ts";
import type { Json, JsonObject } from "./machine-json.ts";

/** A pair's routes for JSON; `null` where the kernel hands out no address. `withHops` for outputs of few pairs. */
export function routeJson(routing: PeerRouting | null, withHops: boolean): Json {
  if (routing === null) return null;
  const { address, write, read } = routing;
  return {
    address: isUnknown(address)
      ? { unknown: address.unknown }
      : { bar: address.bar, address: formatAddress(address.address), kind: address.kind },
    write: wayJson(write, withHops),
    read: wayJson(read, withHops),
  };
}

function wayJson(route: Known<PeerRoute>, withHops: boolean): JsonObject {
  if (isUnknown(route)) return { unknown: route.unknown };
  const { outcome, target, endedAt, reason, differs, hops } = route;
  return {
    outcome,
    target:
      target?.kind === "bar"
        ? { kind: "bar", bdf: formatBdf(target.fn), bar: target.bar, offset: target.offset }
        : target && { kind: "dram", address: formatAddress(target.phys) },
    endedAt: place(endedAt),
    reason,
    differs,
    ...(withHops
      ? {
          hops: hops.map(({ at, what, address, words }) => ({
            at: place(at),
            what,
            address: formatAddress(address),
            words,
          })),
        }
      : {}),
  };
}

function place(at: Bdf | "root-complex"): string {
  return at === "root-complex" ? at : formatBdf(at);
}
