import type { HistoryEntry } from "../advice/history.ts";
import { isSureBlock } from "../answers/gate.ts";
import { formatBdf } from "../pci/bdf.ts";
import { PeerlaneError } from "../pci/error.ts";
import type { Verdict } from "../rules/verdict.ts";
import type { VerdictTable } from "../rules/verdict-table.ts";
import { fullName } from "./device-names.ts";
import { mapTypeSpan } from "./difference.ts";
import { type Block, heading, type Rich, table } from "./document.ts";
import type { HistoryJson } from "./json-types.ts";
import { machineJson, notesJson } from "./machine-json.ts";
import { gateLabel, verdictSentences } from "./reasons.ts";

/** What each release says of one pair, by ranges of releases. */
export function historyBlocks(decided: VerdictTable, entries: readonly HistoryEntry[]): readonly Block[] {
  const [first] = entries;
  if (first === undefined) return [];
  const { provider, client } = first.verdict;
  const rows = entries.map(({ from, to, verdict, blockedBy }): Rich[] => [
    from === to ? from : `${from} – ${to}`,
    [mapTypeSpan(verdict.mapType, verdict.hops), ...(blockedBy === null ? [] : ["; ", gateLabel(blockedBy)])],
    [
      ...(blockedBy === null ? [] : [blockedBy.message]),
      ...verdictSentences(verdict, { ...decided, rules: { ...decided.rules, release: to, chosenBy: "flag" } }),
      ...distanceSentences(verdict),
    ].join("; "),
  ]);
  return [
    heading(
      `${fullName(decided.topology, client)} reaches memory of ${fullName(decided.topology, provider)}, by kernel`,
    ),
    table(["Linux", "verdict", "why"], rows),
  ];
}

/** Where the kernel returns more than the hops. */
function distanceSentences({ distance, hops }: Verdict): readonly string[] {
  return distance !== null && hops !== null && distance > hops ? [`the kernel returns ${distance} as distance`] : [];
}

/** `peerlane.history/1`; `decided` is the table of the one pair. */
export function historyJson(decided: VerdictTable, entries: readonly HistoryEntry[]): HistoryJson {
  const [[provider], [client]] = [decided.providers, decided.clients];
  if (provider === undefined || client === undefined) {
    throw new PeerlaneError("usage", "the history of no pair was asked for", {
      remedy: "decide the pair: decideAll(machine, { providers: [provider], clients: [client] })",
    });
  }
  return {
    schema: "peerlane.history/1",
    machine: machineJson(decided),
    provider: formatBdf(provider),
    client: formatBdf(client),
    releases: entries.map(({ from, to, verdict, blockedBy }) => ({
      from,
      to,
      mapType: verdict.mapType,
      distance: verdict.distance,
      reason: verdict.reason,
      hidden: verdict.hidden,
      blocked: blockedBy === null ? "no" : isSureBlock(blockedBy) ? "yes" : "perhaps",
    })),
    notes: notesJson(decided.machine),
  };
}
