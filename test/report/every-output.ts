import { compareAll } from "../../src/advice/difference/compare-all.ts";
import { findNearest, nearestQuestions } from "../../src/advice/find-nearest.ts";
import { findProvider } from "../../src/advice/find-provider.ts";
import { advise } from "../../src/advice/fix/advise.ts";
import { verdictHistory } from "../../src/advice/history.ts";
import { type Comparison, compareResults } from "../../src/compare/compare.ts";
import { matrixDot } from "../../src/drawing/matrix-dot.ts";
import { matrixSvg } from "../../src/drawing/matrix-svg.ts";
import { treeDot } from "../../src/drawing/tree-dot.ts";
import { treeSvg } from "../../src/drawing/tree-svg.ts";
import type { Machine } from "../../src/host/machine.ts";
import { selectDevices } from "../../src/host/select.ts";
import { writeSnapshot } from "../../src/host/snapshot/write-snapshot.ts";
import { PeerlaneError } from "../../src/pci/error.ts";
import { hasUnseen } from "../../src/pci/visible.ts";
import { checkPolicy } from "../../src/policy/check-policy.ts";
import { parsePolicy } from "../../src/policy/parse-policy.ts";
import type { PolicyResult } from "../../src/policy/result.ts";
import { checkJson } from "../../src/report/check/json.ts";
import { checkJunit } from "../../src/report/check/junit.ts";
import { checkMarkdown } from "../../src/report/check/markdown.ts";
import { checkSarif } from "../../src/report/check/sarif.ts";
import { checkText } from "../../src/report/check/text.ts";
import { compareCsv } from "../../src/report/compare/csv.ts";
import { compareJson } from "../../src/report/compare/json.ts";
import { compareBlocks } from "../../src/report/compare/screen.ts";
import { type DifferenceView, differenceBlocks, diffJson } from "../../src/report/difference.ts";
import { documentMarkdown } from "../../src/report/document-markdown.ts";
import { documentText } from "../../src/report/document-text.ts";
import { explainBlocks, explainText } from "../../src/report/explain-text.ts";
import { findBlocks, findJson } from "../../src/report/find.ts";
import { fixBlocks } from "../../src/report/fix/blocks.ts";
import { fixJson } from "../../src/report/fix/json.ts";
import { historyBlocks, historyJson } from "../../src/report/history.ts";
import { explainJson, treeJson } from "../../src/report/json.ts";
import { machineReport } from "../../src/report/machine-report.ts";
import { matrixCsv } from "../../src/report/matrix-csv.ts";
import { matrixJson } from "../../src/report/matrix-json.ts";
import { matrixText } from "../../src/report/matrix-text.ts";
import { nearestBlocks, nearestText } from "../../src/report/nearest.ts";
import { nearestJson } from "../../src/report/nearest-json.ts";
import { predictJson } from "../../src/report/predict/json.ts";
import { bandwidthBlocks, bandwidthCsv, bandwidthJson, bandwidthText } from "../../src/report/predict/matrix.ts";
import { predictBlocks } from "../../src/report/predict/screen.ts";
import { printableJson, printableMatrix } from "../../src/report/printable.ts";
import { matrixBlocks, treeBlocks } from "../../src/report/screen-markdown.ts";
import { type TreeInput, treeText } from "../../src/report/tree-text.ts";
import type { MeasuredEntry } from "../../src/results/results.ts";
import { PeerRoutes } from "../../src/routes/peer-routes.ts";
import { expectedIommuGroups } from "../../src/rules/iommu-groups.ts";
import { decideAll, type VerdictTable } from "../../src/rules/verdict-table.ts";

/** What a verb prints of a machine, by its name and form. */
export type Output = readonly [name: string, text: string];

const POLICY = `policy: every output
require:
  - { name: "GPUs reach NICs", provider: gpu, client: nic, path: direct }
  - { provider: nvme, client: all }
forbid:
  - { provider: gpu, client: nvme }
separate:
  - devices: all
machine: { kernel: ">=6.2" }
`;

type Bdf = Machine["functions"][number]["bdf"];

/** A machine with what its outputs are made of, each part made when it is asked for. */
class Shown {
  readonly machine: Machine;
  readonly table: VerdictTable;
  readonly screen: { readonly width: number; readonly color: false };
  readonly colored: { readonly width: number; readonly color: true };

  constructor(machine: Machine, width: number) {
    this.machine = machine;
    this.screen = { width, color: false };
    this.colored = { width, color: true };
    const { providers, clients } = selectDevices(machine, { all: false });
    this.table = decideAll(machine, {
      providers: providers.slice(0, 4),
      clients: [...new Set([...clients, ...providers])].slice(0, 4),
    });
  }

  get routes(): PeerRoutes {
    return new PeerRoutes(this.table);
  }

  get tree(): TreeInput {
    return { table: this.table, expectedGroups: expectedIommuGroups(this.machine, this.table.topology) };
  }

  get policy(): PolicyResult {
    return checkPolicy(this.machine, parsePolicy(POLICY, "every.yaml"));
  }

  /** The first provider and the last client; the first function where there is none. */
  get pair(): readonly [provider: Bdf, client: Bdf] | null {
    const [first] = this.machine.functions;
    if (first === undefined) return null;
    return [this.table.providers[0] ?? first.bdf, this.table.clients.at(-1) ?? first.bdf];
  }

  /** The machine against itself without its last function. */
  get difference(): readonly [before: VerdictTable, after: VerdictTable, view: DifferenceView] {
    const { machine } = this;
    const whole = compareAll([machine, { ...machine, functions: machine.functions.slice(0, -1) }]);
    const { before, after, difference, verdicts, answers } = whole;
    const view = { difference, verdicts, answers, before: before.topology, after: after.topology };
    return [before, after, view];
  }
}

/** An output about a pair; nothing of a machine without functions. */
function ofPair(make: (shown: Shown, provider: Bdf, client: Bdf, table: VerdictTable) => string): Maker {
  return (shown) => {
    const { pair, machine } = shown;
    if (pair === null) return "";
    const both = [...new Set(pair)];
    return make(shown, ...pair, decideAll(machine, { providers: both, clients: both }));
  };
}

type Maker = (shown: Shown) => string;

const onePair = (machine: Machine, a: Bdf, b: Bdf) => decideAll(machine, { providers: [a], clients: [b] });

const historyOf = (machine: Machine, a: Bdf, b: Bdf) =>
  [onePair(machine, a, b), verdictHistory(machine, a, b)] as const;

/** Figures of tools about a pair, by names as whoever wrote the text may have put them. */
function comparisonOf(machine: Machine, a: Bdf, b: Bdf): Comparison {
  const hostile = "GPU\u001b[2J\u202e '<b>|`\u0007=cmd";
  const entry: MeasuredEntry = {
    tool: "nvbandwidth",
    test: hostile,
    label: hostile,
    from: { kind: "host" },
    to: { kind: "bdf", bdf: a },
    operation: "write",
    mover: "to",
    direction: "one-way",
    opposed: false,
    flows: 1,
    bytesPerSecond: 1e9,
    latencyNs: null,
    sizeBytes: null,
    peer: "on",
    place: { line: 1, column: 1 },
    doubts: [hostile],
  };
  const entries: readonly MeasuredEntry[] = [
    entry,
    { ...entry, from: { kind: "bdf", bdf: b }, mover: "from" },
    { ...entry, from: { kind: "bdf", bdf: b }, mover: "unknown", bytesPerSecond: 1e13 },
    { ...entry, to: { kind: "gpu", index: 0, bdf: a, name: `NVIDIA AMD ${hostile}` } },
    { ...entry, to: { kind: "rdma", name: hostile } },
    { ...entry, to: { kind: "block", name: hostile } },
    { ...entry, to: { kind: "file", path: hostile } },
    { ...entry, to: { kind: "unknown", why: hostile } },
    { ...entry, tool: "fio", to: { kind: "gpu", index: 7, bdf: null, name: hostile } },
  ];
  return compareResults(machine, {
    tools: ["nvbandwidth"],
    entries,
    assumptions: [hostile],
    leftOut: [{ why: hostile, count: 1 }],
    unread: { count: 2, lines: [{ place: { line: 1, column: 1 }, text: hostile, why: hostile }] },
  });
}

const nearestOf = (machine: Machine) => findNearest(machine, nearestQuestions(machine, []));

/** What verbs print of a machine, in every form; with colours where the name says so. */
const makers: Readonly<Record<string, Maker>> = {
  matrix: ({ table, screen, routes }) => matrixText(table, screen, undefined, routes),
  "matrix in colour": ({ table, colored, routes }) => matrixText(table, colored, undefined, routes),
  "matrix --markdown": ({ table, routes }) => documentMarkdown(matrixBlocks(table, undefined, routes)),
  "matrix --json": ({ tree, routes }) => printableMatrix(matrixJson(tree, routes)),
  "matrix --csv": ({ table }) => matrixCsv(table),
  "matrix --svg": ({ table }) => matrixSvg(table),
  "matrix --dot": ({ table }) => matrixDot(table),
  "matrix --bandwidth": ({ table, screen }) => bandwidthText(table, "write", screen),
  "matrix --read-bandwidth in colour": ({ table, colored }) => bandwidthText(table, "read", colored),
  "matrix --bandwidth --markdown": ({ table }) => documentMarkdown(bandwidthBlocks(table, "write")),
  "matrix --bandwidth --json": ({ table }) => printableJson(bandwidthJson(table), 1),
  "matrix --bandwidth --csv": ({ table }) => bandwidthCsv(table),
  tree: ({ tree, screen }) => treeText(tree, screen),
  "tree in colour": ({ tree, colored }) => treeText(tree, colored),
  "tree --markdown": ({ tree }) => documentMarkdown(treeBlocks(tree)),
  "tree --json": ({ tree }) => printableJson(treeJson(tree), 1),
  "tree --svg": ({ tree }) => treeSvg(tree),
  "tree --dot": ({ tree }) => treeDot(tree),
  report: ({ tree, routes }) => machineReport(tree, "test", routes),
  check: ({ policy, screen }) => checkText(policy, screen),
  "check in colour": ({ policy, colored }) => checkText(policy, colored),
  "check --markdown": ({ policy }) => checkMarkdown(policy),
  "check --json": ({ policy }) => printableJson(checkJson(policy), 1),
  "check --junit": ({ policy }) => checkJunit(policy),
  "check --sarif": ({ policy }) => printableJson(checkSarif(policy), 1),
  capture: ({ machine }) => snapshotOf(machine),
  explain: ofPair(({ screen }, a, b, table) => explainText(table, a, b, screen, new PeerRoutes(table))),
  "explain in colour": ofPair(({ colored }, a, b, table) => explainText(table, a, b, colored, new PeerRoutes(table))),
  "explain --markdown": ofPair((_, a, b, table) => documentMarkdown(explainBlocks(table, a, b, new PeerRoutes(table)))),
  "explain --json": ofPair((_, a, b, table) => printableJson(explainJson(table, a, b, new PeerRoutes(table)), 1)),
  predict: ofPair(({ machine, screen }, a, b) => documentText(predictBlocks(onePair(machine, a, b)), screen)),
  "predict --markdown": ofPair(({ machine }, a, b) => documentMarkdown(predictBlocks(onePair(machine, a, b)))),
  "predict --json": ofPair(({ machine }, a, b) => printableJson(predictJson(onePair(machine, a, b)), 1)),
  compare: ofPair(({ machine, screen }, a, b) => documentText(compareBlocks(comparisonOf(machine, a, b)), screen)),
  "compare in colour": ofPair(({ machine, colored }, a, b) =>
    documentText(compareBlocks(comparisonOf(machine, a, b)), colored),
  ),
  "compare --markdown": ofPair(({ machine }, a, b) => documentMarkdown(compareBlocks(comparisonOf(machine, a, b)))),
  "compare --json": ofPair(({ machine }, a, b) => printableJson(compareJson(comparisonOf(machine, a, b)), 1)),
  "compare --csv": ofPair(({ machine }, a, b) => compareCsv(comparisonOf(machine, a, b))),
  fix: ofPair(({ machine, screen }, provider, client) =>
    documentText(fixBlocks(advise(machine, [{ provider, client }])), screen),
  ),
  "fix --markdown": ofPair(({ machine }, provider, client) =>
    documentMarkdown(fixBlocks(advise(machine, [{ provider, client }]))),
  ),
  "fix --json": ofPair(({ machine }, provider, client) =>
    printableJson(fixJson(advise(machine, [{ provider, client }])), 1),
  ),
  find: ({ machine, screen }) => nearestText(nearestOf(machine), screen),
  "find in colour": ({ machine, colored }) => nearestText(nearestOf(machine), colored),
  "find --markdown": ({ machine }) => documentMarkdown(nearestBlocks(nearestOf(machine))),
  "find --json": ({ machine }) => printableJson(nearestJson(nearestOf(machine)), 1),
  "find --p2pmem": ofPair(({ machine, screen }, _, client) =>
    documentText(findBlocks(findProvider(machine, [client])), screen),
  ),
  "find --p2pmem --markdown": ofPair(({ machine }, _, client) =>
    documentMarkdown(findBlocks(findProvider(machine, [client]))),
  ),
  "find --p2pmem --json": ofPair(({ machine }, _, client) =>
    printableJson(findJson(findProvider(machine, [client])), 1),
  ),
  "explain --history": ofPair(({ machine, screen }, a, b) =>
    documentText(historyBlocks(...historyOf(machine, a, b)), screen),
  ),
  "explain --history --markdown": ofPair(({ machine }, a, b) =>
    documentMarkdown(historyBlocks(...historyOf(machine, a, b))),
  ),
  "explain --history --json": ofPair(({ machine }, a, b) => printableJson(historyJson(...historyOf(machine, a, b)), 1)),
  diff: ({ difference: [, , view], screen }) => documentText(differenceBlocks(view), screen),
  "diff --markdown": ({ difference: [, , view] }) => documentMarkdown(differenceBlocks(view)),
  "diff --json": ({ difference }) => printableJson(diffJson(...difference), 1),
};

/** The names of all outputs. */
export const OUTPUTS: readonly string[] = Object.keys(makers);

/** One output of a machine, by its name. */
export function oneOutput(machine: Machine, name: string, width = 90): Output {
  return [name, makers[name]?.(new Shown(machine, width)) ?? ""];
}

/** All outputs of a machine. */
export function everyOutput(machine: Machine, width = 90): readonly Output[] {
  const shown = new Shown(machine, width);
  return Object.entries(makers).map(([name, make]) => [name, make(shown)]);
}

/** A value that a register could not hold is refused, and that is no output. */
function snapshotOf(machine: Machine): string {
  try {
    return writeSnapshot(machine);
  } catch (error) {
    if (error instanceof PeerlaneError) return "";
    throw error;
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: our own colours are what this looks for
const COLORS = /\u001b\[\d+m/g;

/** What is wrong with an output as a terminal would take it; nothing where it is clean. */
export function unseenIn([name, text]: Output): string | null {
  const shown = name.endsWith("in colour") ? text.replaceAll(COLORS, "") : text;
  // Rows of CSV end as RFC 4180 has it.
  for (const line of shown.split(name.endsWith("--csv") ? "\r\n" : "\n")) {
    if (hasUnseen(line)) return `${name}: ${JSON.stringify(line)}`;
  }
  return null;
}
