import { answersOf } from "../answers/answer.ts";
import { isSureBlock } from "../answers/gate.ts";
import { isUnknown } from "../pci/known.ts";
import { type PeerRouting, peerRoutesOf } from "../routes/peer-routes.ts";
import type { VerdictTable } from "../rules/verdict-table.ts";

/**
 * What becomes of a pair that the kernel refuses and whose drivers do not ask it: the requests go directly, go through the
 * host bridge, or do not arrive; `unknown` where what they meet is not documented, or a program chooses the address.
 */
export type UnaskedWay = "bus-addr" | "thru-host-bridge" | "fails" | "unknown";

/** The same of a pair of a table; `null` where the kernel allows it, or is asked. */
export function unaskedWay(table: VerdictTable, i: number, j: number): UnaskedWay | null {
  if (table.mapType(i, j) !== "not-supported" || table.providers[i] === table.clients[j]) return null;
  if (answersOf(table).gates(i, j).some(isSureBlock)) return null;
  const { class: of } = answersOf(table).askedBy(i, j);
  return of === "does-not-ask" || of === "user-space" ? wayOf(peerRoutesOf(table).at(i, j)) : null;
}

/**
 * True for a pair that the kernel refuses and whose drivers do not ask it, so that requests may arrive all the same: nothing
 * else is sure to stop it, and the hardware is not documented to fail. Of this pair alone, and without its route.
 */
export function isRefusedUnasked(table: VerdictTable, i: number, j: number): boolean {
  if (table.mapType(i, j) !== "not-supported" || table.providers[i] === table.clients[j]) return false;
  const answers = answersOf(table);
  const { class: of } = answers.askedBy(i, j);
  if (of !== "does-not-ask" && of !== "user-space") return false;
  const { write, read } = answers.hardware(i, j);
  return ![write, read].some(({ outcome }) => outcome === "fails") && !answers.gates(i, j).some(isSureBlock);
}

/** `null` where there is no route, as no address is handed out. */
function wayOf(routing: PeerRouting | null): UnaskedWay | null {
  if (routing === null) return null;
  const { write, read } = routing;
  if (isUnknown(write) || isUnknown(read)) return "unknown";
  if (write.outcome !== "delivered" || read.outcome !== "delivered") return "fails";
  const passesRoot = [write, read].some(({ hops }) => hops.some(({ at }) => at === "root-complex"));
  return passesRoot ? "thru-host-bridge" : "bus-addr";
}

/** How many pairs that the kernel refuses are of drivers that do not ask it, by what becomes of them. */
export type UnaskedCounts = Readonly<Record<UnaskedWay, number>>;

/** Of a whole table; `null` where more than `most` pairs would have to be looked at. */
export function unaskedCounts(table: VerdictTable, most: number): UnaskedCounts | null {
  const counts = { "bus-addr": 0, "thru-host-bridge": 0, fails: 0, unknown: 0 };
  let looked = 0;
  for (const i of table.providers.keys()) {
    for (const j of table.clients.keys()) {
      if (table.mapType(i, j) !== "not-supported") continue;
      if (++looked > most) return null;
      const way = unaskedWay(table, i, j);
      if (way !== null) counts[way]++;
    }
  }
  return counts;
}
