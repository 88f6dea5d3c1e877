import type { Cause } from "../../compare/causes.ts";
import { type ComparedFigure, type Comparison, FIGURE_VERDICTS, type FigureVerdict } from "../../compare/compare.ts";
import type { MatchedEnd } from "../../compare/match-devices.ts";
import { formatBdf } from "../../pci/bdf.ts";
import type { Topology } from "../../pci/topology.ts";
import type { MeasuredDevice, MeasuredEntry } from "../../results/results.ts";
import { nameIn, namesText, roleOf } from "../device-names.ts";
import { gbpsText } from "../predict/numbers.ts";

/** Figures that are alike: one class of devices and transfers, one verdict, one cause. */
export interface FigureGroup {
  readonly verdict: FigureVerdict;
  /** `GPU → GPU, writes`. */
  readonly what: string;
  /** What is likeliest to have made them so; `null` where nothing does. */
  readonly cause: Cause | null;
  readonly figures: readonly ComparedFigure[];
}

/** The figures that were held against something, in groups, the worst verdict and the largest group first. */
export function groupsOf({ figures, topology }: Comparison): readonly FigureGroup[] {
  const groups = foldBy(
    figures.filter(({ verdict }) => verdict !== "no-figure"),
    (figure) => groupKey(topology, figure),
  );
  return groups
    .map(
      (each): FigureGroup => ({
        verdict: each[0].verdict,
        what: whatText(topology, each[0]),
        cause: each[0].causes[0] ?? null,
        figures: each,
      }),
    )
    .sort(
      (a, b) =>
        FIGURE_VERDICTS.indexOf(a.verdict) - FIGURE_VERDICTS.indexOf(b.verdict) || b.figures.length - a.figures.length,
    );
}

type Some<T> = readonly [T, ...T[]];

/** What has one key together, in the order of the first of each. */
export function foldBy<T>(values: readonly T[], keyOf: (value: T) => string): readonly Some<T>[] {
  const folds = new Map<string, [T, ...T[]]>();
  for (const value of values) {
    const key = keyOf(value);
    const fold = folds.get(key);
    if (fold === undefined) folds.set(key, [value]);
    else fold.push(value);
  }
  return [...folds.values()];
}

/** What figures of one group have alike: causes that differ in the addresses alone are. */
export function groupKey(topology: Topology, figure: ComparedFigure): string {
  const [first] = figure.causes;
  const cause = first === undefined ? "" : `${first.kind} ${withoutAddresses(first.text)}`;
  return `${figure.verdict} ${whatText(topology, figure)} ${cause}`;
}

/** A text without the PCI addresses in it, for what differs in them alone. */
export function withoutAddresses(text: string): string {
  return text.replaceAll(/[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]/g, "");
}

/** What is not held against anything, by why, the most first. */
export function notHeld({ figures }: Comparison): readonly { readonly why: string; readonly count: number }[] {
  const counts = new Map<string, number>();
  for (const { why } of figures) if (why !== null) counts.set(why, (counts.get(why) ?? 0) + 1);
  return [...counts].map(([why, count]) => ({ why, count })).sort((a, b) => b.count - a.count);
}

/** `GPU → host memory, writes`. */
export function whatText(topology: Topology, { entry, from, to }: ComparedFigure): string {
  return `${kindText(topology, from)} → ${kindText(topology, to)}, ${wayText(entry, from, to)}`;
}

function kindText(topology: Topology, end: MatchedEnd): string {
  if (end.kind === "host") return "host memory";
  if (end.kind === "unmatched") return "?";
  const kinds = [...new Set(end.bdfs.map((bdf) => roleOf(topology.functionOf(bdf))))].join(" and ");
  return end.bdfs.length === 1
    ? kinds
    : `${end.bdfs.length} ${kinds}${end.bdfs.length > 1 && kinds !== "NVMe" ? "s" : ""}`;
}

const MOVER_WORDS = { from: "writes", to: "reads", unknown: "copies" } as const;

/** `reads, both ways together`. */
function wayText(entry: MeasuredEntry, from: MatchedEnd, to: MatchedEnd): string {
  const what =
    entry.bytesPerSecond === null
      ? "latency"
      : entry.operation === "collective"
        ? "bus bandwidth"
        : MOVER_WORDS[entry.mover];
  const isPair = from.kind === "functions" && to.kind === "functions";
  const how =
    entry.direction === "sum of both"
      ? ", both ways together"
      : entry.flows !== null && entry.flows > 1
        ? entry.opposed && entry.flows === 2
          ? ", while as much goes back"
          : `, ${entry.flows} at once`
        : "";
  return `${what}${how}${entry.peer === "off" && isPair ? ", peers off" : ""}`;
}

/** `gpu0`, `host memory`, `GPU 3` of one that fits nothing. */
export function endText(topology: Topology, end: MatchedEnd, device: MeasuredDevice): string {
  if (end.kind === "host") return "host memory";
  if (end.kind === "functions")
    return namesText(
      end.bdfs.map((bdf) => nameIn(topology, bdf)),
      4,
    );
  return saidText(device);
}

/** A device as its tool names it. Paths of files, which people named, are left out. */
export function saidText(device: MeasuredDevice): string {
  switch (device.kind) {
    case "host":
      return "host memory";
    case "gpu":
      return device.bdf === null ? `GPU ${device.index}` : `GPU ${device.index} (${formatBdf(device.bdf)})`;
    case "bdf":
      return formatBdf(device.bdf);
    case "rdma":
    case "block":
      return device.name;
    case "file":
      return "a file";
    case "group":
      return `${device.members.length} devices`;
    case "unknown":
      return "?";
  }
}

/** `gpu0 → gpu1`. */
export function pairText(topology: Topology, { entry, from, to }: ComparedFigure): string {
  return `${endText(topology, from, entry.from)} → ${endText(topology, to, entry.to)}`;
}

/** `22.1 GB/s`, `812 ns`. */
export function measuredText({ entry }: ComparedFigure): string {
  if (entry.bytesPerSecond !== null) return `${gbpsText(entry.bytesPerSecond / 1e9)} GB/s`;
  return entry.latencyNs === null ? "?" : `${entry.latencyNs.toFixed(0)} ns`;
}

/** `52.9–57.5`; empty where nothing was predicted. */
export function predictedText({ expected, expectedNs }: ComparedFigure): string {
  if (expected !== null) return `${gbpsText(expected.low)}–${gbpsText(expected.high)}`;
  return expectedNs === null ? "" : `${expectedNs.low.toFixed(0)}–${expectedNs.high.toFixed(0)} ns`;
}

/** What a verdict is called. */
export const VERDICT_WORDS: Readonly<Record<FigureVerdict, string>> = {
  expected: "as expected",
  low: "low",
  better: "better than predicted",
  wide: "within a range too wide to judge",
  impossible: "impossible",
  "other-link": "over another link than PCIe",
  "no-figure": "not held against anything",
};
