import { isTranslating } from "../host/machine.ts";
import { isUnknown } from "../pci/known.ts";
import { PeerRoutes, type PeerRouting } from "../routes/peer-routes.ts";
import type { VerdictTable } from "../rules/verdict-table.ts";

const made = new WeakMap<VerdictTable, PeerRoutes>();

/**
 * True for a pair that is direct by the kernel's verdict alone: its driver takes an address of the IOMMU, which no bridge
 * below it claims, so that its requests go up to the root complex all the same. False too where that is not known.
 */
export function goesUp(table: VerdictTable, i: number, j: number): boolean {
  const { mode } = table.machine.iommu;
  if (table.mapType(i, j) !== "bus-addr" || isUnknown(mode) || !isTranslating(mode)) return false;
  if (table.providers[i] === table.clients[j]) return false;
  let routes = made.get(table);
  if (routes === undefined) {
    routes = new PeerRoutes(table);
    made.set(table, routes);
  }
  return routes.agrees(i, j) ? routes.goesUpAfterMove(i, j) : isGoingUp(routes.at(i, j, false));
}

/** The same of a pair whose routing is at hand. */
export function isGoingUp(routing: PeerRouting | null): boolean {
  if (routing === null) return false;
  return [routing.write, routing.read].some((route) => !isUnknown(route) && route.differs === "goes-up");
}
