import { visible } from "../../../pci/visible.ts";
import { xmlText } from "../../check/xml.ts";

/** Lines over two axes as parts of an SVG. Lengths and places are in pixels. */

const FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif";
const LABEL_SIZE = 11;
const TEXT_SIZE = 12;
/** From a chart's left edge to the title of its axis. */
const LEFT_TITLE = 66;
/** Below a chart's lower edge: labels, and the title of the axis. */
const LABEL_DEPTH = 18;
const TITLE_DEPTH = 38;
/** Labels below an axis that would come closer than this are left out; their lines stay. */
const LEAST_LABEL_GAP = 36;

/** Each colour on light, and what takes its place on dark. */
export const COLORS = {
  background: ["#ffffff", "#0d1117"],
  text: ["#1f2328", "#e6edf3"],
  faint: ["#59636e", "#9198a1"],
  grid: ["#e1e4e8", "#2d333b"],
  blue: ["#0969da", "#58a6ff"],
  orange: ["#bc4c00", "#f0883e"],
} as const;

/** How a line looks: its colour, and a dash for who does not tell colours apart. */
export interface LineStyle {
  readonly color: "blue" | "orange";
  readonly dash: string | null;
}

/** A value of an axis that has a line through the chart, and what is written there. */
export interface Tick {
  readonly value: number;
  readonly label: string;
}

/** An axis: from `least` at the left or below to `most`. */
export interface Axis {
  readonly title: string;
  readonly least: number;
  readonly most: number;
  /** Whether equal factors have equal lengths; `least` is above 0 then. */
  readonly isLogarithmic: boolean;
  readonly hasGrid: boolean;
  readonly ticks: readonly Tick[];
}

/** A value in a chart; `text` shows when it is pointed at. */
export interface Point {
  readonly x: number;
  readonly y: number;
  readonly text: string;
}

export interface Line {
  readonly style: LineStyle;
  readonly points: readonly Point[];
}

export interface Chart {
  readonly width: number;
  readonly height: number;
  readonly x: Axis;
  readonly y: Axis;
  readonly lines: readonly Line[];
}

/** What is said of a text of the picture. */
interface TextLook {
  readonly size?: number;
  readonly color?: "text" | "faint";
  readonly anchor?: "start" | "middle" | "end";
  readonly isBold?: boolean;
  readonly turnedBy?: number;
}

/** A whole picture with a title for readers of screens; its colours follow the reader's light or dark theme. */
export function picture(width: number, height: number, title: string, parts: readonly string[]): string {
  const head =
    `<svg xmlns="http://www.w3.org/2000/svg" role="img" width="${width}" height="${height}" ` +
    `viewBox="0 0 ${width} ${height}" font-family="${FONT}">`;
  const dark = Object.values(COLORS).flatMap(([light, instead]) =>
    ["fill", "stroke"].map((name) => `[${name}="${light}"]{${name}:${instead}}`),
  );
  return [
    `${head}<title>${escaped(title)}</title><style>@media (prefers-color-scheme:dark){${dark.join("")}}</style>`,
    `<rect width="${width}" height="${height}" fill="${COLORS.background[0]}"/>`,
    ...parts,
    "</svg>\n",
  ].join("\n");
}

/** A group of parts at a place. */
export function placed(x: number, y: number, parts: readonly string[]): string {
  return `<g transform="translate(${round(x)},${round(y)})">\n${parts.join("\n")}\n</g>`;
}

/** A line of text, on one line whatever it holds. */
export function drawText(x: number, y: number, text: string, look: TextLook = {}): string {
  const { size = TEXT_SIZE, color = "text", anchor = "start", isBold = false, turnedBy = 0 } = look;
  const place =
    turnedBy === 0 ? `x="${round(x)}" y="${round(y)}"` : `transform="translate(${x},${y}) rotate(${turnedBy})"`;
  const bold = isBold ? ' font-weight="bold"' : "";
  const attributes = `${place} font-size="${size}" text-anchor="${anchor}"${bold} fill="${COLORS[color][0]}"`;
  return `<text ${attributes}>${escaped(text)}</text>`;
}

/** What a line stands for: a piece of it, and words. */
export function legendEntry(x: number, y: number, style: LineStyle, text: string): string {
  return `<path d="M${x},${y}h22" ${strokeOf(style)}/>${drawText(x + 28, y + 4, text)}`;
}

/** A chart whose plot begins at 0, 0; axes stand at its left and below. */
export function drawChart({ width, height, x, y, lines }: Chart): string[] {
  const across = scaleOf(x, 0, width);
  const up = scaleOf(y, height, 0);
  return [
    ...horizontalAxis(x, across, width, height),
    ...y.ticks.flatMap(({ value, label }) => {
      const at = round(up(value));
      const grid = y.hasGrid ? [`<path d="M0,${at}h${width}" stroke="${COLORS.grid[0]}"/>`] : [];
      return [...grid, drawText(-9, at + 4, label, { size: LABEL_SIZE, anchor: "end" })];
    }),
    drawText(-LEFT_TITLE, height / 2, y.title, { anchor: "middle", turnedBy: -90 }),
    `<path d="M0,0V${height}H${width}" fill="none" stroke="${COLORS.faint[0]}"/>`,
    ...lines.flatMap((line) => drawLine(line, across, up)),
  ];
}

function horizontalAxis(axis: Axis, across: Scale, width: number, height: number): string[] {
  let end = -LEAST_LABEL_GAP;
  const ticks = axis.ticks.flatMap(({ value, label }) => {
    const at = round(across(value));
    const line = axis.hasGrid
      ? `<path d="M${at},0V${height}" stroke="${COLORS.grid[0]}"/>`
      : `<path d="M${at},${height}v5" stroke="${COLORS.faint[0]}"/>`;
    if (at - end < LEAST_LABEL_GAP) return [line];
    end = at;
    return [line, drawText(at, height + LABEL_DEPTH, label, { size: LABEL_SIZE, anchor: "middle" })];
  });
  return [...ticks, drawText(width / 2, height + TITLE_DEPTH, axis.title, { anchor: "middle" })];
}

function drawLine({ style, points }: Line, across: Scale, up: Scale): string[] {
  const places = points.map((point) => ({ ...point, x: round(across(point.x)), y: round(up(point.y)) }));
  const path = places.map(({ x, y }) => `${x},${y}`).join("L");
  return [
    ...(places.length > 1 ? [`<path d="M${path}" fill="none" ${strokeOf(style)}/>`] : []),
    ...places.map(
      ({ x, y, text }) =>
        `<circle cx="${x}" cy="${y}" r="2.5" fill="${COLORS[style.color][0]}"><title>${escaped(text)}</title></circle>`,
    ),
  ];
}

function strokeOf({ color, dash }: LineStyle): string {
  const dashes = dash === null ? "" : ` stroke-dasharray="${dash}"`;
  return `stroke="${COLORS[color][0]}" stroke-width="2"${dashes}`;
}

type Scale = (value: number) => number;

function scaleOf({ least, most, isLogarithmic }: Axis, from: number, to: number): Scale {
  const along: Scale = isLogarithmic ? Math.log10 : (value) => value;
  const [start, end] = [along(least), along(most)];
  return (value) => from + ((along(value) - start) / (end - start)) * (to - from);
}

/** A step of 1, 2 or 5 times a power of ten that goes into `span` at most `count` times. */
export function evenStep(span: number, count: number): number {
  const least = span / count;
  const power = 10 ** Math.floor(Math.log10(least));
  return power * ([1, 2, 5].find((factor) => factor * power >= least) ?? 10);
}

/** The multiples of `step` from `least` to `most`. */
export function multiplesOf(step: number, least: number, most: number): readonly number[] {
  const first = Math.ceil(least / step - 1e-9);
  const last = Math.floor(most / step + 1e-9);
  // The last digits of such products are no more than noise.
  return Array.from({ length: last - first + 1 }, (_, index) => Number(((first + index) * step).toPrecision(12)));
}

/** Values for a logarithmic axis: whole decades, or as many of their parts as make at least three. */
export function logarithmicTicks(least: number, most: number): readonly number[] {
  const first = Math.floor(Math.log10(least));
  const decades = Array.from({ length: Math.ceil(Math.log10(most)) - first + 1 }, (_, index) => first + index);
  for (const digits of [[1], [1, 2, 5], [1, 2, 3, 4, 5, 6, 7, 8, 9]]) {
    const values = decades
      .flatMap((decade) => digits.map((digit) => Number(`${digit}e${decade}`)))
      .filter((value) => value >= least && value <= most);
    if (values.length >= 3) return values;
  }
  return multiplesOf(evenStep(most - least, 5), least, most);
}

/** A text as the picture may hold it. */
function escaped(text: string): string {
  return xmlText(visible(text));
}

function round(pixels: number): number {
  return Math.round(pixels * 10) / 10;
}
