import type { RouteTarget } from "../fabric/route.ts";
import { formatAddress } from "../pci/addresses.ts";
import { type Bdf, formatBdf } from "../pci/bdf.ts";
import type { PeerRoute, PeerRouting } from "../routes/peer-routes.ts";
import type { RouteJson, RouteWithHopsJson, WayJson, WayWithHopsJson } from "./json-types.ts";
import { mapKnown } from "./machine-json.ts";

/** A pair's routes for JSON. */
export function routeJson(routing: PeerRouting): RouteJson {
  const { write, read } = routing;
  return { address: addressJson(routing), write: mapKnown(write, wayJson), read: mapKnown(read, wayJson) };
}

/** The same hop by hop, for outputs of few pairs; `null` where the kernel hands out no address. */
export function routeWithHopsJson(routing: PeerRouting | null): RouteWithHopsJson | null {
  if (routing === null) return null;
  const { write, read } = routing;
  return {
    address: addressJson(routing),
    write: mapKnown(write, wayWithHopsJson),
    read: mapKnown(read, wayWithHopsJson),
  };
}

function addressJson({ address }: PeerRouting): RouteJson["address"] {
  return mapKnown(address, ({ bar, address: start, kind }) => ({ bar, address: formatAddress(start), kind }));
}

function wayJson({ outcome, target, endedAt, reason, differs }: PeerRoute): WayJson {
  return {
    outcome,
    target: targetJson(target),
    endedAt: place(endedAt),
    reason,
    differs,
  };
}

/** An interrupt reaches no memory. */
function targetJson(target: RouteTarget | null): WayJson["target"] {
  if (target === null || target.kind === "interrupt") return null;
  if (target.kind === "dram") return { kind: "dram", address: formatAddress(target.phys) };
  return { kind: "bar", bdf: formatBdf(target.fn), bar: target.bar, offset: target.offset };
}

function wayWithHopsJson(route: PeerRoute): WayWithHopsJson {
  const hops = route.hops.map(({ at, what, address, words }) => {
    return { at: place(at), what, address: formatAddress(address), words };
  });
  return { ...wayJson(route), hops };
}

function place(at: Bdf | "root-complex"): string {
  return at === "root-complex" ? at : formatBdf(at);
}
