import type { ComparedFigure, Comparison } from "../../compare/compare.ts";
import type { MatchedEnd } from "../../compare/match-devices.ts";
import { formatBdf } from "../../pci/bdf.ts";
import type { Topology } from "../../pci/topology.ts";
import type { MeasuredDevice, MeasuredEntry } from "../../results/results.ts";
import type { ComparedFigureJson, CompareJson } from "../json-types.ts";
import { machineJson, notesJson } from "../machine-json.ts";
import { endText, groupsOf, notHeld } from "./view.ts";

/** `peerlane.compare/1`. */
export function compareJson(comparison: Comparison): CompareJson {
  const { table, topology, results, figures, counts, assumptions, contradictions, suspects } = comparison;
  const positions = new Map(figures.map((figure, at) => [figure, at]));
  return {
    schema: "peerlane.compare/1",
    machine: machineJson(table),
    tools: [...results.tools],
    counts: {
      expected: counts.expected,
      low: counts.low,
      better: counts.better,
      wide: counts.wide,
      impossible: counts.impossible,
      otherLink: counts["other-link"],
      noFigure: counts["no-figure"],
    },
    groups: groupsOf(comparison).map(({ verdict, what, cause, figures: alike }) => ({
      verdict,
      what,
      cause: cause === null ? null : { kind: cause.kind, text: cause.text },
      count: alike.length,
      example: alike[0] === undefined ? 0 : (positions.get(alike[0]) ?? 0),
    })),
    figures: figures.map((figure) => figureJson(topology, figure)),
    notHeld: notHeld(comparison),
    suspects: suspects.map(formatBdf),
    contradictions: [...contradictions],
    assumptions: [...assumptions],
    leftOut: results.leftOut,
    unread: { count: results.unread.count, lines: results.unread.lines.map(({ place, why }) => ({ ...place, why })) },
    notes: notesJson(table.machine),
  };
}

function figureJson(topology: Topology, figure: ComparedFigure): ComparedFigureJson {
  const { entry, from, to, verdict, expected, expectedNs, causes, why } = figure;
  const ranged = expected ?? expectedNs;
  return {
    line: entry.place.line,
    column: entry.place.column,
    tool: entry.tool,
    test: testText(entry),
    label: entry.label,
    from: endJson(topology, from, entry.from),
    to: endJson(topology, to, entry.to),
    operation: entry.operation,
    mover: entry.mover,
    direction: entry.direction,
    opposed: entry.opposed,
    flows: entry.flows,
    sizeBytes: entry.sizeBytes,
    peer: entry.peer,
    gbps: entry.bytesPerSecond === null ? null : round(entry.bytesPerSecond / 1e9),
    latencyNs: entry.latencyNs === null ? null : round(entry.latencyNs),
    verdict,
    predicted:
      ranged === null
        ? null
        : {
            unit: expected === null ? "ns" : "GB/s",
            value: round(ranged.value),
            low: round(ranged.low),
            high: round(ranged.high),
            limit: expected === null ? null : round(expected.limit),
          },
    causes: causes.map(({ kind, text, withoutGBps }) => ({
      kind,
      text,
      ...(withoutGBps === undefined ? {} : { withoutGbps: round(withoutGBps) }),
    })),
    why,
    doubts: entry.doubts,
  };
}

function endJson(topology: Topology, end: MatchedEnd, device: MeasuredDevice): ComparedFigureJson["from"] {
  return {
    said: endText(topology, end, device),
    is: end.kind,
    functions: end.kind === "functions" ? end.bdfs.map(formatBdf) : [],
  };
}

/** The test by its tool's name. People name the jobs of fio: of these only what they do is told. */
export function testText({ tool, test, operation }: MeasuredEntry): string {
  return tool === "fio" ? operation : test;
}

/** To a millionth: what is behind that is the arithmetic's. */
export function round(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}
