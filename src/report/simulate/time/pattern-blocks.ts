import { isUnknown } from "../../../pci/known.ts";
import { formatSize } from "../../../pci/size.ts";
import type { Topology } from "../../../pci/topology.ts";
import type { PeerDirection } from "../../../routes/peer-routes.ts";
import type { FlowResult } from "../../../timed/run.ts";
import type { Pattern } from "../../../timed/runs/pattern-names.ts";
import { COPY_BYTES } from "../../../timed/runs/patterns.ts";
import type { NamedRun } from "../../../timed/runs/time-workload.ts";
import { nameIn } from "../../device-names.ts";
import { type Block, heading, list, paragraph, type Rich, table } from "../../document.ts";
import { gbpsText } from "../../predict/numbers.ts";
import { painted } from "../../rich.ts";
import type { TimeView } from "./time-view.ts";
import { durationText, flowText, partText } from "./words.ts";

const PATTERN_WORDS: Readonly<Record<Pattern, string>> = {
  sequential: "each pair alone",
  stagger: "all at once, each with the one that is so many further on",
  "single-reader": "one with all others, the rest quiet",
  "all-at-once": "all with all at once",
};

const OPERATION_WORDS: Readonly<Record<PeerDirection, string>> = {
  read: "each reads from its peer's memory",
  write: "each writes into its peer's memory",
};

/** A pattern: what each part carries, and for few devices what each pair gets. */
export function patternBlocks(
  topology: Topology,
  { pattern, operation }: Extract<TimeView["of"], { pattern: Pattern }>,
  { runs, lengthNs }: TimeView,
): readonly Block[] {
  const length = lengthNs === null ? "" : `; ${durationText(lengthNs)} of each part`;
  return [
    paragraph(`pattern ${pattern}: ${PATTERN_WORDS[pattern]}; ${OPERATION_WORDS[operation]}${length}`),
    list([answerText(pattern, runs)]),
    ...(pattern === "sequential" ? [] : [partTable(topology, runs)]),
    heading(`GB/s of each pair: who ${operation}s, by whose memory`),
    ...pairTables(topology, pattern, runs),
    ...hiddenPairs(topology, runs),
  ];
}

function answerText(pattern: Pattern, runs: readonly NamedRun[]): Rich {
  const totals = runs.flatMap(({ run }) => (run?.result == null ? [] : [run.gbps]));
  if (totals.length === 0) return [painted("unknown", "not known"), ": no pair could be run"];
  const mean = totals.reduce((sum, gbps) => sum + gbps, 0) / totals.length;
  const of = pattern === "sequential" ? "per pair" : "in all";
  const spread = `${of} on average (${gbpsText(Math.min(...totals))} to ${gbpsText(Math.max(...totals))})`;
  return [painted("strong", `${gbpsText(mean)} GB/s`), ` ${totals.length === 1 ? of : spread}`];
}

function ranOf({ run }: NamedRun): readonly FlowResult[] {
  return (run?.flows ?? []).flatMap(({ ran }) => (isUnknown(ran) ? [] : [ran]));
}

function partTable(topology: Topology, runs: readonly NamedRun[]): Block {
  const rows = runs.map((named): readonly Rich[] => {
    const ran = ranOf(named);
    const result = named.run?.result;
    if (ran.length === 0 || result == null) return [named.name, "?", "", "", ""];
    const each = ran.map(({ gbps }) => gbps);
    const p99 = ran.flatMap(({ latencyNs }) => latencyNs?.p99 ?? []);
    const [busiest] = [...result.links].sort((a, b) => b.utilisation - a.utilisation);
    return [
      named.name,
      [painted("strong", gbpsText(named.run?.gbps ?? 0))],
      `${gbpsText(Math.min(...each))}–${gbpsText(Math.max(...each))}`,
      p99.length === 0 ? "none done" : durationText(Math.max(...p99)),
      busiest === undefined
        ? ""
        : `${nameIn(topology, busiest.below)} ${busiest.towards}, ${partText(busiest.utilisation)}`,
    ];
  });
  return table(["", "GB/s in all", "per pair", `p99 of ${formatSize(COPY_BYTES)}`, "busiest link"], rows);
}

/** A grid, of the parts that have each pair once together. */
function pairTables(topology: Topology, pattern: Pattern, runs: readonly NamedRun[]): readonly Block[] {
  const flows = runs.flatMap(({ run }) => run?.flows ?? []);
  const clients = [...new Set(flows.map(({ flow }) => flow.client))].sort((a, b) => a - b);
  const cell = (client: number, provider: number): string => {
    const found = flows.find(({ flow }) => flow.client === client && flow.provider === provider);
    if (found === undefined) return "·";
    return isUnknown(found.ran) ? "?" : gbpsText(found.ran.gbps);
  };
  const rows = clients.map((client) => [
    nameIn(topology, client),
    ...clients.map((provider) => cell(client, provider)),
  ]);
  const note = pattern === "sequential" || runs.length === 1 ? [] : [paragraph("each as in the part that it is in")];
  return [table(["", ...clients.map((client) => nameIn(topology, client))], rows), ...note];
}

function hiddenPairs(topology: Topology, runs: readonly NamedRun[]): readonly Block[] {
  const byWhy = new Map<string, string[]>();
  for (const { flow, ran } of runs.flatMap(({ run }) => run?.flows ?? [])) {
    if (isUnknown(ran)) byWhy.set(ran.unknown, [...(byWhy.get(ran.unknown) ?? []), flowText(topology, flow)]);
  }
  const texts = [...byWhy].map(([why, [first = "", ...others]]) =>
    others.length === 0 ? `not run: ${first}: ${why}` : `not run: ${first}, and ${others.length} more: ${why}`,
  );
  return texts.length === 0 ? [] : [list(texts)];
}
