import { answersOf } from "../answers/answer.ts";
import { type Gate, isSureBlock } from "../answers/gate.ts";
import type { Machine } from "../host/machine.ts";
import { topologyOf } from "../host/machine.ts";
import { withOverrides } from "../host/override.ts";
import type { Bdf } from "../pci/bdf.ts";
import { chooseRules } from "../rules/kernels/choose-rules.ts";
import { KERNEL_RULES } from "../rules/kernels/mainline.ts";
import type { Verdict } from "../rules/verdict.ts";
import { VerdictTable } from "../rules/verdict-table.ts";

/** Releases in a row that say the same of a pair. */
export interface HistoryEntry {
  /** The first and the last release: `major.minor`, with a patch level where a series changed within itself. */
  readonly from: string;
  readonly to: string;
  readonly verdict: Verdict;
  /** What stops the pair all the same on these releases, or may; `null` where nothing does. */
  readonly blockedBy: Gate | null;
}

/**
 * What each release of kernel.org says of one pair, releases that agree in one entry, oldest first. The machine's
 * registers are taken as they are now; how another kernel is configured is not known.
 */
export function verdictHistory(machine: Machine, provider: Bdf, client: Bdf): readonly HistoryEntry[] {
  const topology = topologyOf(machine);
  const selection = { providers: [provider], clients: [client] };
  const entries: HistoryEntry[] = [];
  for (const rules of KERNEL_RULES) {
    const { release } = rules;
    const choice = { ...chooseRules(machine, release), candidates: [rules], hidden: "" };
    const table = new VerdictTable(withOverrides(machine, { kernel: release }), selection, choice, topology);
    const blockedBy = blockedByOf(table);
    const entry = { from: release, to: release, verdict: table.at(0, 0), blockedBy };
    const last = entries.at(-1);
    if (last !== undefined && isSame(last, entry)) entries[entries.length - 1] = { ...last, to: release };
    else entries.push(entry);
  }
  return entries;
}

/** What the kernel returns as distance differs between releases that agree on everything else: 5.2 and 5.3 add 0x1000. */
function isSame({ verdict: a, blockedBy: ofA }: HistoryEntry, { verdict: b, blockedBy: ofB }: HistoryEntry): boolean {
  if (a.mapType !== b.mapType || a.reason !== b.reason || a.distance !== b.distance) return false;
  return (
    ofA?.kind === ofB?.kind && ofA?.about === ofB?.about && (ofA?.doubt === undefined) === (ofB?.doubt === undefined)
  );
}

/** What is sure to stop the pair, else what may; of a pair that the kernel refuses there is no need of either. */
function blockedByOf(table: VerdictTable): Gate | null {
  const mapType = table.mapType(0, 0);
  if (table.providers[0] === table.clients[0] || mapType === "not-supported" || mapType === "unknown") return null;
  const blocking = answersOf(table)
    .gates(0, 0)
    .filter(({ effect }) => effect === "blocks");
  return blocking.find(isSureBlock) ?? blocking[0] ?? null;
}
