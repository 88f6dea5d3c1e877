import type { BenchView, SideName, SideView } from "../../../measured/bench.ts";
import { isUnknown } from "../../../pci/known.ts";
import { formatSize } from "../../../pci/size.ts";
import { type Printable, visible } from "../../../pci/visible.ts";
import {
  type Axis,
  drawChart,
  drawText,
  evenStep,
  type Line,
  type LineStyle,
  legendEntry,
  logarithmicTicks,
  multiplesOf,
  picture,
  placed,
} from "./chart.ts";
import { jobText, latencyText, partyText, rateText } from "./words.ts";

const WIDTH = 680;
const HEIGHT = 220;
/** Room between the two charts, for the axis of the upper one. */
const GAP = 76;
const PADDING = { left: 92, top: 122, right: 56, bottom: 60 };
/** Characters that the title and a line below it have room for; longer names lose their beginning, other lines their end. */
const TITLE_LENGTH = 76;
const LEAST_NAME_LENGTH = 20;
const LINE_LENGTH = 105;

const SIDE_NAMES = { peer: "peer memory", dram: "DRAM" } as const;
const STYLES: Readonly<Record<SideName, LineStyle>> = {
  peer: { color: "blue", dash: null },
  dram: { color: "orange", dash: "6 3" },
};
const LEGEND_WIDTH = 120;

interface NamedSide {
  readonly name: SideName;
  readonly side: SideView;
}

/**
 * The result as an SVG: throughput of each slice above, the distribution of latencies below. Colours follow the reader's
 * light or dark theme, and each point says its value when it is pointed at. Takes a view with slices.
 */
export function benchSvg(view: BenchView): Printable {
  const sides = (["peer", "dram"] as const).flatMap((name) => {
    const side = view.sides[name];
    return side === null ? [] : [{ name, side }];
  });
  const title = titleOf(view);
  const { left, top, right, bottom } = PADDING;
  return picture(left + WIDTH + right, top + 2 * HEIGHT + GAP + bottom, title, [
    drawText(left, 27, title, { size: 16, isBold: true }),
    ...subtitlesOf(view).map((line, index) => drawText(left, 45 + 16 * index, line, { color: "faint" })),
    ...sides.map(({ name }, index) =>
      legendEntry(left + WIDTH - LEGEND_WIDTH * (sides.length - index), top - 14, STYLES[name], SIDE_NAMES[name]),
    ),
    placed(left, top, throughputChart(view, sides)),
    placed(left, top + HEIGHT + GAP, latencyChart(sides)),
  ]) as Printable;
}

function titleOf({ target, job }: BenchView): string {
  const what = jobText(job);
  const name = [...visible(target.name)];
  const room = Math.max(TITLE_LENGTH - what.length, LEAST_NAME_LENGTH);
  return `${name.length <= room ? name.join("") : `…${name.slice(1 - room).join("")}`}: ${what}`;
}

function subtitlesOf({ table: { machine }, path }: BenchView): string[] {
  const { release } = machine.kernel;
  const { name } = machine.cpu;
  const facts = [
    ...(isUnknown(release) ? [] : [`Linux ${release}`]),
    ...(isUnknown(name) || name === null || name === "" ? [] : [name]),
  ];
  const lines = [
    ...(path === null ? [] : [`peer memory of ${partyText(path.provider)}`]),
    ...(facts.length === 0 ? [] : [facts.join(" · ")]),
  ];
  return lines.map((line) => {
    const shown = [...visible(line)];
    return shown.length <= LINE_LENGTH ? shown.join("") : `${shown.slice(0, LINE_LENGTH - 1).join("")}…`;
  });
}

function throughputChart({ slices, job }: BenchView, sides: readonly NamedSide[]): string[] {
  const greatest = Math.max(...slices.map(({ all }) => all.bytesPerSecond), 1);
  const unit = 1024 ** Math.min(Math.floor(Math.log2(greatest) / 10), 4);
  const step = evenStep((greatest / unit) * 1.05, 8);
  const most = Math.ceil(((greatest / unit) * 1.05) / step) * step;
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const count = Math.max(...slices.map(({ index }) => index + 1), 1);
  return drawChart({
    width: WIDTH,
    height: HEIGHT,
    x: {
      title: `slice (each side runs ${job.runtimeSeconds} s in ${count} slices, in turn)`,
      ...{ least: 0.5, most: count + 0.5, isLogarithmic: false, hasGrid: false },
      ticks: sliceNumbers(count).map((value) => ({ value, label: String(value) })),
    },
    y: {
      title: `throughput (${formatSize(unit).replace("1 ", "")}/s)`,
      ...{ least: 0, most, isLogarithmic: false, hasGrid: true },
      ticks: multiplesOf(step, 0, most).map((value) => ({ value, label: value.toFixed(digits) })),
    },
    lines: sides.map(({ name }) => ({
      style: STYLES[name],
      points: slices
        .filter(({ side }) => side === name)
        .map(({ index, all }) => ({
          x: index + 1,
          y: all.bytesPerSecond / unit,
          text: `${SIDE_NAMES[name]}, slice ${index + 1}: ${rateText(all.bytesPerSecond)}`,
        })),
    })),
  });
}

/** Every slice, or of many every fifth, tenth and so on. */
function sliceNumbers(count: number): number[] {
  const step = [1, 5, 10, 20, 50].find((one) => count / one <= 14) ?? 100;
  return Array.from({ length: Math.floor(count / step) + 1 }, (_, index) => Math.max(index * step, 1)).filter(
    (value, index, all) => all.indexOf(value) === index,
  );
}

function latencyChart(sides: readonly NamedSide[]): string[] {
  const lines = sides.map(latencyLine);
  const points = lines.flatMap((line) => line.points);
  if (points.length === 0) return [drawText(0, HEIGHT / 2, "no read or write ended: there are no latencies to draw")];
  const least = Math.min(...points.map(({ y }) => y)) / 1.2;
  const most = Math.max(...points.map(({ y }) => y)) * 1.2;
  return drawChart({
    width: WIDTH,
    height: HEIGHT,
    x: percentAxis(Math.max(...points.map(({ x }) => x), 1) * 1.02),
    y: {
      ...{ title: "latency (seconds, logarithmic)", least, most, isLogarithmic: true, hasGrid: true },
      ticks: logarithmicTicks(least, most).map((value) => ({ value, label: latencyText(value) })),
    },
    lines,
  });
}

function latencyLine({ name, side }: NamedSide): Line {
  const points = side.distribution.map(({ percentile, latencyNs }) => ({
    // The greatest is one I/O: it has its place where one of all is.
    x: percentile === 100 ? Math.log10(Math.max(side.all.ios, 1)) : nines(percentile),
    y: Math.max(latencyNs, 1),
    text: `${SIDE_NAMES[name]}, ${percentile === 100 ? "the slowest" : `${percentile} %`}: ${latencyText(latencyNs)}`,
  }));
  return { style: STYLES[name], points };
}

/** Where a percentile lies: as many decades from the left as it has nines. */
function nines(percentile: number): number {
  return -Math.log10(1 - percentile / 100);
}

/** 0, 50, 90, 99, 99.9 % and so on, as far as there were that many reads and writes. */
function percentAxis(most: number): Axis {
  const decades = Array.from({ length: Math.floor(most) }, (_, index) => index + 1);
  return {
    title: "percent of the reads and writes that took no longer (the last point is the slowest)",
    ...{ least: 0, most, isLogarithmic: false, hasGrid: true },
    ticks: [
      { value: 0, label: "0 %" },
      { value: nines(50), label: "50 %" },
      ...decades.map((value) => ({ value, label: `${(100 - 10 ** (2 - value)).toFixed(Math.max(0, value - 2))} %` })),
    ],
  };
}
