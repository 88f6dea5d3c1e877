import { machineFacts } from "../report/facts.ts";
import { plainText, type Rich } from "../report/rich.ts";
import { askedText, type WhatIfView } from "../report/what-if.ts";
import type { VerdictTable } from "../rules/verdict-table.ts";
import { drawText, type Fill, TEXT_SIZE, textPixels, wrapped } from "./svg.ts";

/** From the edge of a picture to what is in it, in pixels. */
export const MARGIN = 16;
/** Between lines of text, in pixels. */
export const LINE_HEIGHT = 17;
const TITLE_SIZE = 17;
/** Columns for which sentences are made that the picture wraps itself. */
const SENTENCE = 1000;

/** Parts of a picture that stand below each other, and their height in pixels. */
export interface Drawn {
  readonly parts: readonly string[];
  readonly height: number;
}

/** What stands above a picture: the machine, what was asked of it, and what it comes to. */
export interface Head extends Drawn {
  readonly title: string;
}

/** The head of a picture whose content is `room` pixels wide; `summary` takes the columns that its sentences may have. */
export function drawHead(
  { machine, rules }: VerdictTable,
  whatIf: WhatIfView | undefined,
  summary: (columns: number) => readonly Rich[],
  room: number,
): Head {
  const [first = "", ...more] = machineFacts(machine, rules, SENTENCE);
  const { name } = machine.source;
  const title = wrapped(name, room, { size: TITLE_SIZE, isBold: true })[0] ?? "";
  const facts = [first.startsWith(`${name} · `) ? first.slice(name.length + 3) : first, ...more];
  const changes = whatIf === undefined ? [] : [askedText(whatIf.changes)];
  const lines = [
    ...filled(facts, "faint", room),
    ...filled(changes, "warn", room),
    ...filled(summary(SENTENCE).map(plainText), "text", room),
  ];
  const top = MARGIN + TITLE_SIZE;
  return {
    title: [title, ...changes].join(". "),
    parts: [
      drawText(MARGIN, top, title, { size: TITLE_SIZE, isBold: true }),
      ...lines.map(({ text, fill }, at) => drawText(MARGIN, top + 4 + (at + 1) * LINE_HEIGHT, text, { fill })),
    ],
    height: top + 20 + lines.length * LINE_HEIGHT,
  };
}

function filled(
  texts: readonly string[],
  fill: Fill,
  room: number,
): readonly { readonly text: string; readonly fill: Fill }[] {
  return texts.flatMap((text) => wrapped(text, room).map((line) => ({ text: line, fill })));
}

/** Sentences below a picture, from `top` on. */
export function drawSentences(texts: readonly string[], top: number, room: number): Drawn {
  const lines = filled(texts, "text", room);
  return {
    parts: lines.map(({ text, fill }, at) => drawText(MARGIN, top + at * LINE_HEIGHT, text, { fill })),
    height: lines.length * LINE_HEIGHT,
  };
}

/** A sign, and what it means. */
export interface LegendEntry {
  readonly width: number;
  readonly text: string;
  /** Draws the sign with its left end at `x`, on the baseline of its text. */
  readonly draw: (x: number, y: number) => string;
}

/** What the signs of a picture mean, on as many lines as `room` asks for. */
export function drawLegend(entries: readonly LegendEntry[], top: number, room: number): Drawn {
  const parts: string[] = [];
  let [x, y] = [0, top];
  for (const { width, text, draw } of entries) {
    const taken = width + 6 + textPixels(text) + 18;
    if (x > 0 && x + taken - 18 > room) [x, y] = [0, y + LINE_HEIGHT + 3];
    parts.push(draw(MARGIN + x, y), drawText(MARGIN + x + width + 6, y, text, { fill: "faint", size: TEXT_SIZE }));
    x += taken;
  }
  return { parts, height: y - top + MARGIN };
}
