import type { ComparedFigure, Comparison } from "../../compare/compare.ts";
import type { Printable } from "../../pci/visible.ts";
import { type CsvCell, csvText } from "../csv.ts";
import { round, testText } from "./json.ts";
import { endText } from "./view.ts";

const HEAD = [
  "line",
  "column",
  "tool",
  "test",
  "from",
  "to",
  "operation",
  "mover",
  "direction",
  "flows",
  "size_bytes",
  "peer",
  "gbps",
  "latency_ns",
  "predicted_low",
  "predicted",
  "predicted_high",
  "limit_gbps",
  "verdict",
  "why",
];

/** Every figure of the results as a row: `predicted…` in GB/s, of a latency in ns. */
export function compareCsv({ figures, topology }: Comparison): Printable {
  const row = ({ entry, from, to, verdict, expected, expectedNs, causes, why }: ComparedFigure): readonly CsvCell[] => {
    const predicted = expected ?? expectedNs;
    return [
      entry.place.line,
      entry.place.column,
      entry.tool,
      testText(entry),
      endText(topology, from, entry.from),
      endText(topology, to, entry.to),
      entry.operation,
      entry.mover,
      entry.direction,
      entry.flows,
      entry.sizeBytes,
      entry.peer,
      entry.bytesPerSecond === null ? null : round(entry.bytesPerSecond / 1e9),
      entry.bytesPerSecond === null && entry.latencyNs !== null ? round(entry.latencyNs) : null,
      predicted === null ? null : round(predicted.low),
      predicted === null ? null : round(predicted.value),
      predicted === null ? null : round(predicted.high),
      expected === null ? null : round(expected.limit),
      verdict,
      why ?? causes.map(({ text }) => text).join("; "),
    ];
  };
  return csvText(HEAD, figures.map(row));
}
