import type { Machine } from "../host/machine.ts";
import { topologyOf } from "../host/machine.ts";
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
}

/**
 * What each release of kernel.org says of one pair, releases that agree in one entry, oldest first. The machine's
 * registers are taken as they are now.
 */
export function verdictHistory(machine: Machine, provider: Bdf, client: Bdf): readonly HistoryEntry[] {
  const topology = topologyOf(machine);
  const selection = { providers: [provider], clients: [client] };
  const entries: HistoryEntry[] = [];
  for (const rules of KERNEL_RULES) {
    const { release } = rules;
    const choice = { ...chooseRules(machine, release), candidates: [rules], hidden: "" };
    const verdict = new VerdictTable(machine, selection, choice, topology).at(0, 0);
    const last = entries.at(-1);
    if (last !== undefined && isSame(last.verdict, verdict)) entries[entries.length - 1] = { ...last, to: release };
    else entries.push({ from: release, to: release, verdict });
  }
  return entries;
}

/** What the kernel returns as distance differs between releases that agree on everything else: 5.2 and 5.3 add 0x1000. */
function isSame(a: Verdict, b: Verdict): boolean {
  return a.mapType === b.mapType && a.reason === b.reason && a.distance === b.distance;
}
