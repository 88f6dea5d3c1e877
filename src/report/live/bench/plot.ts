import { type Axis, type Legend, type Mark, parse, type Spec, View } from "vega";
import { isUnknown } from "../../../pci/known.ts";
import { formatSize } from "../../../pci/size.ts";
import { type Printable, visible } from "../../../pci/visible.ts";
import { xmlText } from "../../check/xml.ts";
import type { BenchView, SideName, SideView } from "./view.ts";
import { jobText, partyText } from "./words.ts";

const WIDTH = 680;
const HEIGHT = 220;
/** Room between the two plots, for the axis of the upper one. */
const GAP = 76;
/** Longer paths lose their beginning. */
const MAX_NAME = 40;
const PADDING = { left: 92, top: 122, right: 56, bottom: 60 };
const FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif";

/** Each colour on light, and what takes its place on dark. */
const COLORS = {
  background: ["#ffffff", "#0d1117"],
  text: ["#1f2328", "#e6edf3"],
  faint: ["#59636e", "#9198a1"],
  grid: ["#e1e4e8", "#2d333b"],
  peer: ["#0969da", "#58a6ff"],
  dram: ["#bc4c00", "#f0883e"],
} as const;

const SIDE_NAMES = { peer: "peer memory", dram: "DRAM" } as const;
/** DRAM is dashed as well, for who does not tell the colours apart. */
const DASHES = { peer: [1, 0], dram: [6, 3] } as const;

/**
 * The result as an SVG: throughput of each slice above, the distribution of latencies below. Vega draws it without a
 * browser; colours follow the reader's light or dark theme. Takes a view with slices.
 */
export async function benchSvg(view: BenchView): Promise<Printable> {
  const svg = await new View(parse(plotOf(view)), { renderer: "none" }).toSVG();
  const head = `<title>${xmlText(titleOf(view))}</title><style>${darkStyle()}</style>`;
  return svg.replace(/^<svg[^>]*>/, (start) => start + head) as Printable;
}

function darkStyle(): string {
  const rules = Object.values(COLORS).flatMap(([light, dark]) => [
    `[fill="${light}"]{fill:${dark}}`,
    `[stroke="${light}"]{stroke:${dark}}`,
  ]);
  return `@media (prefers-color-scheme:dark){${rules.join("")}}`;
}

function titleOf({ target, job }: BenchView): string {
  const name = visible(target.name);
  const shown = name.length <= MAX_NAME ? name : `…${name.slice(1 - MAX_NAME)}`;
  return `${shown}: ${jobText(job)}`;
}

function subtitleOf({ table: { machine }, path }: BenchView): string[] {
  const { release } = machine.kernel;
  const { name } = machine.cpu;
  const facts = [
    ...(isUnknown(release) ? [] : [`Linux ${release}`]),
    ...(isUnknown(name) || name === null || name === "" ? [] : [name]),
  ];
  return [
    ...(path === null ? [] : [`peer memory of ${partyText(path.provider)}`]),
    ...(facts.length === 0 ? [] : [facts.join(" · ")]),
  ].map(visible);
}

function plotOf(view: BenchView): Spec {
  const sides = (["peer", "dram"] as const).flatMap((name) => {
    const side = view.sides[name];
    return side === null ? [] : [{ name, side }];
  });
  return {
    $schema: "https://vega.github.io/schema/vega/v6.json",
    background: COLORS.background[0],
    padding: PADDING,
    width: WIDTH,
    height: 2 * HEIGHT + GAP,
    // Widths of text are only estimated without a browser: room is left for it, not made.
    autosize: "none",
    title: {
      text: titleOf(view),
      subtitle: subtitleOf(view),
      anchor: "start",
      frame: "group",
      offset: 36,
      fontSize: 16,
      subtitleFontSize: 12,
      subtitlePadding: 5,
    },
    config: {
      title: { color: COLORS.text[0], subtitleColor: COLORS.faint[0], font: FONT, subtitleFont: FONT },
      axis: {
        ...{ labelColor: COLORS.text[0], titleColor: COLORS.text[0], labelFont: FONT, titleFont: FONT },
        ...{ domainColor: COLORS.faint[0], tickColor: COLORS.faint[0], gridColor: COLORS.grid[0] },
        ...{ labelFontSize: 11, titleFontSize: 12, titleFontWeight: "normal", titlePadding: 8, labelPadding: 4 },
      },
      legend: { labelColor: COLORS.text[0], labelFont: FONT, labelFontSize: 12, symbolStrokeWidth: 2.5 },
    },
    scales: [
      {
        name: "color",
        type: "ordinal",
        domain: sides.map(({ name }) => SIDE_NAMES[name]),
        range: sides.map(({ name }) => COLORS[name][0]),
      },
      {
        name: "dash",
        type: "ordinal",
        domain: sides.map(({ name }) => SIDE_NAMES[name]),
        range: sides.map(({ name }) => [...DASHES[name]]),
      },
    ],
    legends: [LEGEND],
    marks: [throughputPlot(view), latencyPlot(sides)],
  };
}

const LEGEND: Legend = {
  ...{ stroke: "color", strokeDash: "dash", symbolType: "stroke", symbolSize: 500 },
  ...{ orient: "top-right", direction: "horizontal", offset: -26, columnPadding: 16 },
};

/** Grids reach over the plot that they belong to, not over both. */
const PLOT_SIZE = [
  { name: "width", value: WIDTH },
  { name: "height", value: HEIGHT },
];

/** Lines and points of both sides in the scales of their group. */
function sideMarks(source: string): Mark[] {
  return [
    {
      type: "group",
      from: { facet: { name: "one", data: source, groupby: "side" } },
      marks: [
        {
          type: "line",
          from: { data: "one" },
          encode: {
            enter: {
              x: { scale: "x", field: "x" },
              y: { scale: "y", field: "y" },
              stroke: { scale: "color", field: "side" },
              strokeDash: { scale: "dash", field: "side" },
              strokeWidth: { value: 2 },
            },
          },
        },
        {
          type: "symbol",
          from: { data: "one" },
          encode: {
            enter: {
              x: { scale: "x", field: "x" },
              y: { scale: "y", field: "y" },
              fill: { scale: "color", field: "side" },
              size: { value: 18 },
            },
          },
        },
      ],
    },
  ];
}

function throughputPlot({ slices, job }: BenchView): Mark {
  const greatest = Math.max(...slices.map(({ all }) => all.bytesPerSecond), 1);
  const unit = 1024 ** Math.min(Math.floor(Math.log2(greatest) / 10), 4);
  const values = slices.map(({ side, index, all }) => ({
    side: SIDE_NAMES[side],
    x: index + 1,
    y: all.bytesPerSecond / unit,
  }));
  const count = Math.max(...values.map(({ x }) => x));
  const unitName = formatSize(unit).replace("1 ", "");
  return {
    type: "group",
    encode: { enter: { width: { value: WIDTH }, height: { value: HEIGHT } } },
    signals: PLOT_SIZE,
    data: [{ name: "slices", values }],
    scales: [
      { name: "x", type: "linear", domain: [0.5, count + 0.5], range: [0, WIDTH] },
      { name: "y", type: "linear", domain: [0, (greatest / unit) * 1.05], nice: true, range: [HEIGHT, 0] },
    ],
    axes: [
      {
        ...{ orient: "bottom", scale: "x", format: "d", values: sliceTicks(count) },
        title: `slice (each side runs ${job.runtimeSeconds} s in ${count} slices, in turn)`,
      },
      { orient: "left", scale: "y", grid: true, tickCount: 5, title: `throughput (${unitName}/s)`, minExtent: 52 },
    ],
    marks: sideMarks("slices"),
  };
}

/** Every slice, or of many every fifth, tenth and so on. */
function sliceTicks(count: number): number[] {
  const step = [1, 5, 10, 20, 50].find((one) => count / one <= 14) ?? 100;
  return Array.from({ length: Math.floor(count / step) + 1 }, (_, index) => Math.max(index * step, 1)).filter(
    (value, index, all) => all.indexOf(value) === index,
  );
}

interface NamedSide {
  readonly name: SideName;
  readonly side: SideView;
}

/** Where a percentile lies: as many decades from the left as it has nines. */
function nines(percentile: number): number {
  return -Math.log10(1 - percentile / 100);
}

function latencyPlot(sides: readonly NamedSide[]): Mark {
  const values = sides.flatMap(({ name, side }) =>
    side.distribution
      // The greatest is one I/O: it has its place where one of all is.
      .map(({ percentile, latencyNs }) => ({
        side: SIDE_NAMES[name],
        x: percentile === 100 ? Math.log10(Math.max(side.all.ios, 1)) : nines(percentile),
        y: latencyNs / 1e9,
      })),
  );
  const farthest = Math.max(...values.map(({ x }) => x), 1);
  const [least, most] = [Math.min(...values.map(({ y }) => y)), Math.max(...values.map(({ y }) => y))];
  return {
    type: "group",
    encode: {
      enter: { y: { value: HEIGHT + GAP }, width: { value: WIDTH }, height: { value: HEIGHT } },
    },
    signals: PLOT_SIZE,
    data: [{ name: "latencies", values }],
    scales: [
      { name: "x", type: "linear", domain: [0, farthest * 1.02], range: [0, WIDTH] },
      { name: "y", type: "log", domain: [least / 1.2, most * 1.2], range: [HEIGHT, 0] },
    ],
    axes: [
      percentileAxis(farthest),
      {
        ...{ orient: "left", scale: "y", grid: true, values: logTicks(least / 1.2, most * 1.2), minExtent: 52 },
        title: "latency (seconds, logarithmic)",
        encode: {
          labels: { update: { text: { signal: "replace(format(datum.value, '~s'), /([a-zµ]?)$/, ' $1s')" } } },
        },
      },
    ],
    marks: sideMarks("latencies"),
  };
}

function percentileAxis(farthest: number): Axis {
  const percentiles = [0, 50, 90, 99, 99.9, 99.99, 99.999].filter((percentile) => nines(percentile) <= farthest * 1.02);
  return {
    ...{ orient: "bottom", scale: "x", grid: true, values: percentiles.map(nines) },
    title: "percent of the reads and writes that took no longer (the last point is the slowest)",
    encode: { labels: { update: { text: { signal: "format(100 - 100 * pow(10, -datum.value), '.6~g') + ' %'" } } } },
  };
}

/** 1, 2 and 5 of each decade, or the decades alone where there are many. */
function logTicks(least: number, most: number): number[] {
  const first = Math.floor(Math.log10(least));
  const last = Math.ceil(Math.log10(most));
  const steps = last - first > 3 ? [1] : [1, 2, 5];
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
    .flatMap((decade) => steps.map((step) => Number(`${step}e${decade}`)))
    .filter((value) => value >= least && value <= most);
}
