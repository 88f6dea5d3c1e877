import type { DeviceKind } from "../pci/device-kind.ts";
import type { Printable } from "../pci/visible.ts";
import { leftOutTexts } from "../report/left-out.ts";
import { reasonRemarks } from "../report/matrix-reasons.ts";
import { GOES_UP_MARK, MAP_TYPE_WORDS, TOLD_WORDS, UNASKED_CELL } from "../report/reasons.ts";
import { plainText } from "../report/rich.ts";
import type { WhatIfView } from "../report/what-if.ts";
import type { VerdictTable } from "../rules/verdict-table.ts";
import type { ToldMapType } from "../summary/going-up.ts";
import { type Drawn, drawHead, drawLegend, drawSentences, type LegendEntry, MARGIN } from "./head.ts";
import { type Cell, type Line, type MatrixScene, matrixScene } from "./matrix-scene.ts";
import { drawText, type Fill, fitted, grouped, picture, rect, textPixels } from "./svg.ts";

const CELL = { width: 30, height: 23 };
const CELL_SIZE = 11;
/** Between cells, and more between places. */
const GAP = 2;
const PLACE_GAP = 9;
/** Room for names at the left, above, and for places at the right. */
const NAMES = { least: 60, most: 190 };
const PLACES = 230;
const HEAD_GAP = 8;
const BLOCK_GAP = 26;
/** A small table leaves room for its sentences. */
const LEAST_WIDTH = 760;

/**
 * The matrix as an SVG: providers × clients, each cell with its hops, coloured by its verdict; places set apart; what the
 * signs mean and why pairs are what they are below. Many devices are told by what tells them apart. Pointing at a cell
 * tells its pairs and the reason.
 */
export function matrixSvg(table: VerdictTable, whatIf?: WhatIfView): Printable {
  const scene = matrixScene(table, whatIf);
  const places = axesOf(scene);
  const width = Math.max(2 * MARGIN + places.width, LEAST_WIDTH);
  const room = width - 2 * MARGIN;
  const { first, rest } = reasonRemarks(table);
  const [counts, ...reasons] = [...first, ...rest].map(({ text }) => text);
  const head = drawHead(table, whatIf, () => (counts === undefined ? [] : [counts]), room);
  const grid = drawGrid(scene, places, head.height);
  const legend = drawLegend(legendOf(scene), head.height + grid.height + BLOCK_GAP, room);
  const below = head.height + grid.height + BLOCK_GAP + legend.height;
  const sentences = drawSentences(
    [...reasons.map(plainText), ...leftOut(scene), ...leftOutTexts(table)],
    below + MARGIN / 2,
    room,
  );
  const parts = [...head.parts, ...grid.parts, ...legend.parts, ...sentences.parts];
  return picture(width, below + sentences.height + MARGIN / 2, head.title, parts);
}

function leftOut({ leftOut: { providers, clients }, rows, columns }: MatrixScene): readonly string[] {
  if (rows.length === 0 || columns.length === 0) return ["no pair to draw"];
  const parts = [
    ...(providers === 0 ? [] : [`${providers} providers`]),
    ...(clients === 0 ? [] : [`${clients} clients`]),
  ];
  return parts.length === 0 ? [] : [`not drawn: ${parts.join(" and ")}; name fewer to see them`];
}

/** Where rows and columns are, from the upper left corner of the grid. */
interface Axes {
  readonly width: number;
  readonly height: number;
  readonly xs: readonly number[];
  readonly ys: readonly number[];
  /** Of the names at the left and above. */
  readonly left: number;
  readonly top: number;
}

function axesOf({ rows, columns, places }: MatrixScene): Axes {
  const namesWidth = (lines: readonly Line[]): number =>
    Math.min(Math.max(...lines.map(({ name }) => textPixels(name)), NAMES.least), NAMES.most) + HEAD_GAP;
  const [left, top] = [namesWidth(rows) + 10, namesWidth(columns) + 10];
  const [xs, ys] = [placesOf(columns, left, CELL.width), placesOf(rows, top, CELL.height)];
  const placesWidth = Math.max(...rows.map(({ place }) => textPixels(places[place] ?? "")), 0);
  const right = (xs.at(-1) ?? left) + CELL.width;
  return {
    width: right + HEAD_GAP + Math.min(placesWidth, PLACES),
    height: (ys.at(-1) ?? top) + CELL.height,
    ...{ xs, ys, left, top },
  };
}

/** Places are set apart where they hold several lines, as far as most do. */
function placesOf(lines: readonly Line[], start: number, size: number): readonly number[] {
  const places = new Set(lines.map(({ place }) => place)).size;
  const placeGap = 2 * places <= lines.length + 1 ? PLACE_GAP : GAP;
  let at = start;
  return lines.map(({ place }, index) => {
    const before = lines[index - 1];
    if (before !== undefined) at += size + (before.place === place ? GAP : placeGap);
    return at;
  });
}

const KIND_FILLS: Readonly<Record<DeviceKind, Fill>> = {
  gpu: "gpu",
  nic: "nic",
  nvme: "nvme",
  accel: "accel",
  bridge: "other",
  other: "other",
};

const CELL_FILLS: Readonly<Record<ToldMapType | "mixed" | "none", readonly [cell: Fill, text: Fill]>> = {
  "bus-addr": ["direct", "on-direct"],
  "goes-up": ["host", "on-host"],
  "thru-host-bridge": ["host", "on-host"],
  "not-supported": ["no", "on-no"],
  unasked: ["no", "on-no"],
  unknown: ["unknown", "on-unknown"],
  mixed: ["self", "text"],
  none: ["self", "faint"],
};

function drawGrid(scene: MatrixScene, { xs, ys, left, top }: Axes, y0: number): Drawn & { readonly height: number } {
  const { rows, columns, cells, places } = scene;
  const x0 = MARGIN;
  const parts: string[] = [];
  rows.forEach((row, i) => {
    const y = y0 + (ys[i] ?? 0);
    const name = fitted(row.name, NAMES.most);
    parts.push(
      grouped(
        [
          rect(
            { x: x0 + left - HEAD_GAP, y: y + 4, width: 4, height: CELL.height - 8 },
            { fill: KIND_FILLS[row.kind] },
          ),
          drawText(x0 + left - HEAD_GAP - 6, y + 16, name, { anchor: "end" }),
        ],
        [row.details],
      ),
    );
  });
  columns.forEach((column, j) => {
    const x = x0 + (xs[j] ?? 0);
    const name = fitted(column.name, NAMES.most);
    parts.push(
      grouped(
        [
          rect(
            { x: x + 5, y: y0 + top - HEAD_GAP, width: CELL.width - 10, height: 4 },
            { fill: KIND_FILLS[column.kind] },
          ),
          drawText(x + CELL.width / 2 + 4, y0 + top - HEAD_GAP - 6, name, { isUpright: true }),
        ],
        [column.details],
      ),
    );
  });
  cells.forEach((line, i) => {
    line.forEach((cell, j) => {
      parts.push(drawCell(cell, x0 + (xs[j] ?? 0), y0 + (ys[i] ?? 0)));
    });
  });
  const right = x0 + (xs.at(-1) ?? left) + CELL.width + HEAD_GAP;
  for (const { place, from, to } of runsOf(rows)) {
    const middle = y0 + ((ys[from] ?? 0) + (ys[to] ?? 0) + CELL.height) / 2;
    parts.push(drawText(right, middle + 4, fitted(places[place] ?? "", PLACES), { fill: "faint" }));
  }
  const corner = ["client →", "provider ↓"].map((text, at) =>
    drawText(x0, y0 + top - HEAD_GAP + (at - 1) * (CELL_SIZE + 4), text, { fill: "faint", size: CELL_SIZE }),
  );
  return {
    parts: rows.length === 0 || columns.length === 0 ? [] : [...corner, ...parts],
    height: (ys.at(-1) ?? 0) + CELL.height,
  };
}

function drawCell({ is, text, details, isChanged }: Cell, x: number, y: number): string {
  const [fill, color] = CELL_FILLS[is ?? "none"];
  const place = { x, y, ...CELL };
  const size = textPixels(text, { size: CELL_SIZE }) > CELL.width - 2 ? CELL_SIZE - 2.5 : CELL_SIZE;
  const parts = [
    rect(place, { fill, radius: 3 }),
    ...(isChanged ? [rect(place, { stroke: "marked", strokeWidth: 2, dash: "5 3", radius: 3 })] : []),
    drawText(x + CELL.width / 2, y + CELL.height / 2 + 4, text, { size, fill: color, anchor: "middle" }),
  ];
  return details.length === 0 ? parts.join("\n") : grouped(parts, details);
}

/** Rows of one place after each other. */
function runsOf(
  rows: readonly Line[],
): readonly { readonly place: number; readonly from: number; readonly to: number }[] {
  const runs: { place: number; from: number; to: number }[] = [];
  rows.forEach(({ place }, index) => {
    const last = runs.at(-1);
    if (last?.place === place) last.to = index;
    else runs.push({ place, from: index, to: index });
  });
  return runs;
}

const CELL_WORDS: readonly (readonly [is: ToldMapType | "mixed", sign: string, text: string])[] = [
  ["bus-addr", "4", `${MAP_TYPE_WORDS["bus-addr"]}, with its hops`],
  ["goes-up", `4${GOES_UP_MARK}`, TOLD_WORDS["goes-up"]],
  ["thru-host-bridge", "H6", MAP_TYPE_WORDS["thru-host-bridge"]],
  ["not-supported", "✗", MAP_TYPE_WORDS["not-supported"]],
  ["unasked", UNASKED_CELL, TOLD_WORDS.unasked],
  ["unknown", "?", MAP_TYPE_WORDS.unknown],
  ["mixed", "≠", "pairs that differ"],
];

const KIND_WORDS: readonly (readonly [kind: DeviceKind, text: string])[] = [
  ["gpu", "GPU"],
  ["accel", "accelerator"],
  ["nic", "NIC"],
  ["nvme", "NVMe"],
];

/** What the signs of a matrix mean, as far as there are some in it. */
function legendOf({ rows, columns, cells }: MatrixScene): readonly LegendEntry[] {
  const there = new Set(cells.flat().map(({ is }) => is));
  const kinds = new Set([...rows, ...columns].map(({ kind }) => kind));
  return [
    ...CELL_WORDS.filter(([is]) => there.has(is)).map(([is, sign, text]) => ({
      width: CELL.width,
      text,
      draw: (x: number, y: number): string =>
        drawCell({ is, text: sign, details: [], isChanged: false }, x, y - CELL.height / 2 - 4),
    })),
    ...(cells.flat().some(({ isChanged }) => isChanged)
      ? [
          {
            width: CELL.width,
            text: "differs from the machine as it is",
            draw: (x: number, y: number): string =>
              drawCell({ is: null, text: "", details: [], isChanged: true }, x, y - CELL.height / 2 - 4),
          },
        ]
      : []),
    ...KIND_WORDS.filter(([kind]) => kinds.has(kind)).map(([kind, text]) => ({
      width: 10,
      text,
      draw: (x: number, y: number): string =>
        rect({ x, y: y - 9, width: 10, height: 10 }, { fill: KIND_FILLS[kind], radius: 2 }),
    })),
  ];
}
