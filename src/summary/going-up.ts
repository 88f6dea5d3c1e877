import { isTranslating, type Machine } from "../host/machine.ts";
import { isUnknown } from "../pci/known.ts";
import { type AskedBy, isGivenIova } from "../platforms/who-asks.ts";
import { type PeerRouting, peerRoutesOf } from "../routes/peer-routes.ts";
import { KeptAnswers, onceOfTable } from "../rules/kept-answers.ts";
import type { MapType } from "../rules/verdict.ts";
import type { VerdictTable } from "../rules/verdict-table.ts";
import { isRefusedUnasked } from "./unasked-pairs.ts";

const upsOf = onceOfTable((table): KeptAnswers<boolean> => {
  const routes = peerRoutesOf(table);
  return new KeptAnswers(table, (i, j) =>
    routes.agrees(i, j) ? routes.goesUpAfterMove(i, j) : isGoingUp(routes.at(i, j, false)),
  );
});

/** A map type, or that a pair is direct by the verdict alone, or refused by a kernel that its drivers do not ask. */
export type ToldMapType = MapType | "goes-up" | "unasked";

/** The map type of a pair as it is told. */
export function toldMapType(table: VerdictTable, i: number, j: number): ToldMapType {
  if (goesUp(table, i, j)) return "goes-up";
  return isRefusedUnasked(table, i, j) ? "unasked" : table.mapType(i, j);
}

/** Whether a pair would be direct by the verdict alone on a machine, if it were direct: its driver takes an address of the IOMMU. */
export function wouldGoUp(machine: Machine, askedBy: AskedBy): boolean {
  return isGivenIova(askedBy, machine);
}

/**
 * True for a pair that is direct by the kernel's verdict alone: its driver takes an address of the IOMMU, which no bridge
 * below it claims, so that its requests go up to the root complex all the same. False too where that is not known.
 */
export function goesUp(table: VerdictTable, i: number, j: number): boolean {
  const { mode } = table.machine.iommu;
  if (table.mapType(i, j) !== "bus-addr" || isUnknown(mode) || !isTranslating(mode)) return false;
  if (table.providers[i] === table.clients[j]) return false;
  return upsOf(table).at(i, j);
}

/** The same of a pair whose routing is at hand. */
export function isGoingUp(routing: PeerRouting | null): boolean {
  if (routing === null) return false;
  return [routing.write, routing.read].some((route) => !isUnknown(route) && route.differs === "goes-up");
}
