import { type Printable, visible } from "../pci/visible.ts";
import { xmlText } from "../report/check/xml.ts";

/*
 * Parts of an SVG as text, without a DOM. Lengths and places are in pixels. Colours are classes, so that those of a dark
 * page take the place of those of a light one; what draws SVG without style sheets of its own has the light ones.
 */

const FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', 'Liberation Sans', sans-serif";
const FIXED_FONT = "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace";

/**
 * Fills and strokes by what they mean, each with its colour on light and on dark. Kinds of devices are told apart by hues of Okabe and Ito, which people with any kind
 * of colour vision tell apart; verdicts by lightness and by what stands in them, too.
 */
const FILLS = {
  page: ["#ffffff", "#0d1117"],
  region: ["#f4f6f8", "#161b22"],
  text: ["#1f2328", "#e6edf3"],
  faint: ["#59636e", "#9198a1"],
  box: ["#ffffff", "#21262d"],
  gpu: ["#009e73", "#2fbf94"],
  nic: ["#0072b2", "#4aa8e0"],
  nvme: ["#e69f00", "#f0b429"],
  accel: ["#cc79a7", "#dd94bd"],
  switch: ["#59636e", "#9198a1"],
  other: ["#b7bec6", "#57606a"],
  port: ["#ffffff", "#21262d"],
  redirects: ["#ffe8a3", "#5c4813"],
  bad: ["#c43b00", "#ff8f5c"],
  warn: ["#8a5a00", "#e3b341"],
  direct: ["#007a5a", "#1f9d78"],
  host: ["#fbd982", "#77590f"],
  no: ["#eceff2", "#21262d"],
  unknown: ["#ead7f5", "#4d2f66"],
  self: ["#f7f8f9", "#12171e"],
  "on-direct": ["#ffffff", "#ffffff"],
  "on-host": ["#4d3800", "#ffe9b0"],
  "on-no": ["#c43b00", "#ff8f5c"],
  "on-unknown": ["#5b2a86", "#e2c5f7"],
} as const;

const STROKES = {
  edge: ["#8c959f", "#6e7681"],
  link: ["#57606a", "#8b949e"],
  slow: ["#c43b00", "#ff8f5c"],
  held: ["#8a5a00", "#e3b341"],
  border: ["#d0d7de", "#30363d"],
  marked: ["#8250df", "#a371f7"],
} as const;

/** What a fill means; {@link FILLS} has its colours. */
export type Fill = keyof typeof FILLS;
/** What a stroke means. */
export type Stroke = keyof typeof STROKES;

/** The colours as variables of CSS, for a page that draws the same: `--fill-gpu`, `--stroke-link`. */
export function colorVariables(dark: 0 | 1): string {
  return [
    ...Object.entries(FILLS).map(([name, tones]) => `--fill-${name}:${tones[dark]};`),
    ...Object.entries(STROKES).map(([name, tones]) => `--stroke-${name}:${tones[dark]};`),
  ].join("");
}

function styleSheet(): string {
  const rules = (dark: 0 | 1): string =>
    [
      ...Object.entries(FILLS).map(([name, tones]) => `.pl .${name}{fill:${tones[dark]}}`),
      ...Object.entries(STROKES).map(([name, tones]) => `.pl .${name}-line{stroke:${tones[dark]}}`),
    ].join("");
  return [
    `.pl text{font-family:${FONT};unicode-bidi:isolate}`,
    `.pl .fixed{font-family:${FIXED_FONT}}`,
    ".pl .none{fill:none}",
    rules(0),
    `@media (prefers-color-scheme:dark){${rules(1)}}`,
  ].join("");
}

/** A whole picture: `title` is for readers of screens. Texts in its parts are such as {@link drawText} makes them. */
export function picture(width: number, height: number, title: string, parts: readonly string[]): Printable {
  const size = `width="${round(width)}" height="${round(height)}" viewBox="0 0 ${round(width)} ${round(height)}"`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="pl" role="img" ${size}>`,
    `<title>${escaped(title)}</title>`,
    `<style>${styleSheet()}</style>`,
    rect({ x: 0, y: 0, width, height }, { fill: "page" }),
    ...parts,
    "</svg>\n",
  ].join("\n") as Printable;
}

/** A rectangle by its upper left corner. */
export interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** How a shape looks. */
export interface Look {
  readonly fill?: Fill;
  readonly stroke?: Stroke;
  readonly strokeWidth?: number;
  readonly dash?: string;
  readonly radius?: number;
  readonly opacity?: number;
}

/** A rectangle. */
export function rect({ x, y, width, height }: Rectangle, look: Look): string {
  const corner = look.radius === undefined ? "" : ` rx="${look.radius}"`;
  return `<rect x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}"${corner}${lookOf(look)}/>`;
}

/** A line along a path of SVG. */
export function path(d: string, look: Look): string {
  return `<path d="${d}"${lookOf(look)}/>`;
}

function lookOf({ fill, stroke, strokeWidth, dash, opacity }: Look): string {
  const classes = [fill ?? "none", ...(stroke === undefined ? [] : [`${stroke}-line`])];
  return [
    ` class="${classes.join(" ")}"`,
    ...(strokeWidth === undefined ? [] : [` stroke-width="${strokeWidth}"`]),
    ...(dash === undefined ? [] : [` stroke-dasharray="${dash}"`]),
    ...(opacity === undefined ? [] : [` opacity="${opacity}"`]),
  ].join("");
}

/** How a text looks. */
export interface TextLook {
  readonly size?: number;
  readonly fill?: Fill;
  readonly anchor?: "start" | "middle" | "end";
  readonly isBold?: boolean;
  readonly isFixed?: boolean;
  /** Turned to be read from below, around its place. */
  readonly isUpright?: boolean;
}

/** Pixels of a usual text. */
export const TEXT_SIZE = 12;

/** A text on one line, whatever it holds; `x` and `y` are of its baseline. */
export function drawText(x: number, y: number, text: string, look: TextLook = {}): string {
  const { size = TEXT_SIZE, fill = "text", anchor = "start", isBold = false, isFixed = false } = look;
  const place =
    look.isUpright === true
      ? `transform="translate(${round(x)},${round(y)}) rotate(-90)"`
      : `x="${round(x)}" y="${round(y)}"`;
  const classes = isFixed ? `${fill} fixed` : fill;
  const more = `${anchor === "start" ? "" : ` text-anchor="${anchor}"`}${isBold ? ' font-weight="bold"' : ""}`;
  return `<text ${place} font-size="${size}" class="${classes}"${more}>${escaped(text)}</text>`;
}

/** Parts that say `lines` when they are pointed at. */
export function grouped(parts: readonly string[], lines: readonly string[] = []): string {
  const title = lines.length === 0 ? [] : [`<title>${lines.map(escaped).join("\n")}</title>`];
  return ["<g>", ...title, ...parts, "</g>"].join("\n");
}

/** A text as the picture may hold it. */
function escaped(text: string): string {
  return xmlText(visible(text));
}

export function round(pixels: number): number {
  return Math.round(pixels * 10) / 10;
}

/** Shares of a text's size that characters take in the widest of the usual fonts, so that a text never gets wider. */
const NARROW = /[iljI.,:;'|! ]/;
const MIDDLE = /[ft()[\]{}/\\r-]/;
const WIDE = /[mwMW@%]/;

/** Pixels that a text takes at most, as it is drawn. */
export function textPixels(text: string, { size = TEXT_SIZE, isBold = false, isFixed = false }: TextLook = {}): number {
  let share = 0;
  for (const character of visible(text)) share += isFixed ? fixedShare(character) : shareOf(character);
  return share * size * (isBold && !isFixed ? 1.1 : 1);
}

function fixedShare(character: string): number {
  return character < "\u1100" ? 0.61 : 1.22;
}

function shareOf(character: string): number {
  if (character > "~") return character < "\u1100" ? 0.68 : 1.05;
  if (NARROW.test(character)) return 0.34;
  if (MIDDLE.test(character)) return 0.42;
  if (WIDE.test(character)) return 0.96;
  return /[A-Z]/.test(character) ? 0.7 : 0.62;
}

/** The text as it is drawn, cut with `…` at its end to what `pixels` hold. */
export function fitted(text: string, pixels: number, look: TextLook = {}): string {
  const shown = visible(text);
  if (textPixels(shown, look) <= pixels) return shown;
  let kept = "";
  for (const character of shown) {
    if (textPixels(`${kept}${character}…`, look) > pixels) break;
    kept += character;
  }
  return `${kept}…`;
}

/** The text in lines of at most `pixels`, broken between words. */
export function wrapped(text: string, pixels: number, look: TextLook = {}): readonly string[] {
  const lines: string[] = [];
  for (const word of visible(text).split(" ")) {
    const last = lines.at(-1);
    const longer = last === undefined ? word : `${last} ${word}`;
    if (last !== undefined && textPixels(longer, look) <= pixels) lines[lines.length - 1] = longer;
    else lines.push(fitted(word, pixels, look));
  }
  return lines;
}
