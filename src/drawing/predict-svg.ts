import type { Bdf } from "../pci/bdf.ts";
import { isUnknown } from "../pci/known.ts";
import { formatSize } from "../pci/size.ts";
import type { Printable } from "../pci/visible.ts";
import { LARGE_BYTES, type Prediction, predictionsOf } from "../predict/predict.ts";
import { nameIn } from "../report/device-names.ts";
import { gbpsText, oneAtATimeGBps, rangeText, TOLD_SIZES, toldGBps } from "../report/predict/numbers.ts";
import type { WhatIfView } from "../report/what-if.ts";
import type { VerdictTable } from "../rules/verdict-table.ts";
import { drawHead, drawLegend, drawSentences, MARGIN } from "./head.ts";
import { drawText, grouped, path, picture, round, type Stroke } from "./svg.ts";

/** Pixels of the field in which the curves are, and of what stands left of it. */
const FIELD = { width: 640, height: 300 } as const;
const LABELS = 44;

interface Curve {
  readonly text: string;
  readonly stroke: Stroke;
  readonly dash?: string;
  /** Bytes of each transfer, and 10^9 data bytes per second. */
  readonly points: readonly (readonly [bytes: number, gbps: number])[];
}

/** GB/s of one pair by the size of its reads and writes: many in flight, and one at a time. Sizes are on an axis of powers of two. */
export function predictSvg(
  decided: VerdictTable,
  whatIf: WhatIfView | undefined,
  windowBytes: number | null = null,
): Printable {
  const { topology } = decided;
  const [provider, client] = [decided.providers[0] as Bdf, decided.clients[0] as Bdf];
  const both = (["write", "read"] as const).map((operation) => ({
    operation,
    large: predictionsOf(decided).at(0, 0, operation, LARGE_BYTES, windowBytes),
  }));
  const summary = [
    `${nameIn(topology, client)} and the memory of ${nameIn(topology, provider)}: GB/s of one flow by the size of each read or write, as predicted`,
    ...both.map(({ operation, large }) =>
      isUnknown(large) ? `${operation}s: not known (${large.unknown})` : `${operation}s ${rangeText(large)}`,
    ),
  ];
  const width = FIELD.width + LABELS + 2 * MARGIN;
  const room = width - 2 * MARGIN;
  const head = drawHead(decided, whatIf, () => summary, room);
  const curves = both.flatMap(({ large }) => (isUnknown(large) ? [] : curvesOf(decided, large, windowBytes)));
  if (curves.length === 0) return picture(width, head.height + MARGIN, head.title, head.parts);
  const top = head.height + MARGIN;
  const most = ceilingOf(Math.max(...curves.flatMap(({ points }) => points.map(([, gbps]) => gbps))));
  const x = (bytes: number): number => {
    const [first, last] = [TOLD_SIZES[0] as number, TOLD_SIZES.at(-1) as number];
    return MARGIN + LABELS + (FIELD.width - 8) * (Math.log2(bytes / first) / Math.log2(last / first));
  };
  const y = (gbps: number): number => top + FIELD.height * (1 - gbps / most);
  const legend = drawLegend(
    curves.map(({ text, stroke, dash }) => ({
      width: 24,
      text,
      draw: (left: number, base: number): string => line(`M${round(left)},${base - 4}h24`, stroke, dash),
    })),
    top + FIELD.height + 48,
    room,
  );
  const assumed = [...new Set(both.flatMap(({ large }) => (isUnknown(large) ? [] : large.assumptions)))];
  const below = drawSentences(
    assumed.map((text) => `assumed: ${text}`),
    top + FIELD.height + 48 + legend.height + 4,
    room,
  );
  const parts = [
    ...head.parts,
    ...axes(x, y, most, top),
    ...curves.map((curve) =>
      grouped(
        [
          line(
            `M${curve.points.map(([bytes, gbps]) => `${round(x(bytes))},${round(y(gbps))}`).join("L")}`,
            curve.stroke,
            curve.dash,
          ),
        ],
        [curve.text, ...curve.points.map(([bytes, gbps]) => `${formatSize(bytes)}: ${gbpsText(gbps)} GB/s`)],
      ),
    ),
    ...legend.parts,
    ...below.parts,
  ];
  return picture(width, top + FIELD.height + 48 + legend.height + below.height + MARGIN, head.title, parts);
}

function curvesOf(decided: VerdictTable, large: Prediction, windowBytes: number | null): readonly Curve[] {
  const stroke = large.operation === "write" ? "slow" : "marked";
  const most = large.isUpperBound ? " at most" : "";
  const many = TOLD_SIZES.flatMap((size): (readonly [number, number])[] => {
    const each = predictionsOf(decided).at(0, 0, large.operation, size, windowBytes);
    return isUnknown(each) ? [] : [[size, toldGBps(each)]];
  });
  return [
    { text: `${large.operation}s, many in flight${most}`, stroke, points: many },
    {
      text: `${large.operation}s, one at a time${most}`,
      stroke,
      dash: "5 4",
      points: TOLD_SIZES.map((size) => [size, oneAtATimeGBps(large, size)]),
    },
  ];
}

/** Lines at a fifth of the height each, and sizes below. */
function axes(x: (bytes: number) => number, y: (gbps: number) => number, most: number, top: number): readonly string[] {
  const rows = [0, 1, 2, 3, 4, 5].map((fifth) => (most * fifth) / 5);
  return [
    drawText(MARGIN, top - 16, "GB/s", { fill: "faint" }),
    ...rows.flatMap((gbps) => [
      path(`M${MARGIN + LABELS},${round(y(gbps))}h${FIELD.width - 8}`, { stroke: "border" }),
      drawText(MARGIN + LABELS - 6, y(gbps) + 4, String(gbps), { fill: "faint", anchor: "end" }),
    ]),
    ...TOLD_SIZES.map((size, at) =>
      drawText(x(size), top + FIELD.height + 18, formatSize(size), {
        fill: "faint",
        anchor: at === TOLD_SIZES.length - 1 ? "end" : "middle",
      }),
    ),
  ];
}

function line(d: string, stroke: Stroke, dash: string | undefined): string {
  return path(d, { stroke, strokeWidth: 2, ...(dash === undefined ? {} : { dash }) });
}

/** The least of 1, 2 or 5 times a power of ten that is not less. */
function ceilingOf(gbps: number): number {
  const power = 10 ** Math.floor(Math.log10(gbps));
  return ([1, 2, 5, 10].find((times) => times * power >= gbps) ?? 10) * power;
}
