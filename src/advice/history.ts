import type { Machine } from "../host/machine.ts";
import { topologyOf } from "../host/machine.ts";
import type { Bdf } from "../pci/bdf.ts";
import { chooseRules } from "../rules/releases.ts";
import type { Verdict } from "../rules/verdict.ts";
import { VerdictTable } from "../rules/verdict-table.ts";

/** Releases in a row that say the same of a pair. */
export interface HistoryEntry {
  /** `major.minor` of the first and the last release. */
  readonly from: string;
  readonly to: string;
  readonly verdict: Verdict;
}

/** The series from the first kernel with P2PDMA to the newest whose rules were read. */
const SERIES: readonly (readonly [major: number, from: number, to: number])[] = [
  [4, 20, 20],
  [5, 0, 19],
  [6, 0, 19],
  [7, 0, 3],
];

/** Every release in order, `4.20` to the newest whose rules were read. */
export const RELEASES: readonly string[] = SERIES.flatMap(([major, from, to]) =>
  Array.from({ length: to - from + 1 }, (_, index) => `${major}.${from + index}`),
);

/**
 * What each kernel release says of one pair, releases that agree in one entry, oldest first. A release that was not read
 * and lies between two that differ is `unknown`. The machine's registers are taken as they are now.
 */
export function verdictHistory(machine: Machine, provider: Bdf, client: Bdf): readonly HistoryEntry[] {
  const topology = topologyOf(machine);
  const selection = { providers: [provider], clients: [client] };
  const entries: HistoryEntry[] = [];
  for (const release of RELEASES) {
    const verdict = new VerdictTable(machine, selection, chooseRules(machine, release), topology).at(0, 0);
    const last = entries.at(-1);
    const isSame = last?.verdict.mapType === verdict.mapType && last.verdict.reason === verdict.reason;
    if (last !== undefined && isSame) entries[entries.length - 1] = { ...last, to: release };
    else entries.push({ from: release, to: release, verdict });
  }
  return entries;
}
