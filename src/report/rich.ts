import { visible } from "../pci/visible.ts";
import type { Paint } from "./style.ts";

/** A text painted by what it means. */
export interface Painted {
  readonly text: string;
  readonly paint: Paint;
}
/** A piece of text, painted or not. */
export type Span = string | Painted;
/** A line of text in pieces. Values may stand in it as they came: whoever prints it makes them visible. */
export type Rich = string | readonly Span[];

/** Text in a paint. */
export function painted(paint: Paint, text: string): Painted {
  return { text, paint };
}

/** Text and painted pieces as one line: ``rich`${painted("strong", name)} is ${state}` ``. */
export function rich(texts: readonly string[], ...pieces: readonly (Rich | Painted)[]): readonly Span[] {
  const spans: Span[] = [];
  texts.forEach((text, index) => {
    if (text !== "") spans.push(text);
    const piece = pieces[index];
    if (piece !== undefined) spans.push(...(isSpan(piece) ? [piece] : piece));
  });
  return spans;
}

function isSpan(piece: Rich | Painted): piece is Span {
  return typeof piece === "string" || "paint" in piece;
}

/** The pieces of a text. */
export function spansOf(text: Rich): readonly Span[] {
  return typeof text === "string" ? [text] : text;
}

/** A line as it is printed where there are no colours. */
export function plainText(text: Rich): string {
  return spansOf(text)
    .map((span) => visible(typeof span === "string" ? span : span.text))
    .join("");
}

/** Lines with a separator between them, as `join` of strings. */
export function joinRich(parts: readonly (Rich | Painted)[], separator: string): readonly Span[] {
  return parts.flatMap((part, index) => [...(index === 0 ? [] : [separator]), ...(isSpan(part) ? [part] : part)]);
}

/** A part of {@link plainText}, from `start` up to `end`. */
export type Part = readonly [start: number, end: number];

/** Parts of a line, in order and apart from each other, painted as they are. */
export function partsOf(text: Rich, parts: readonly Part[]): readonly (readonly Span[])[] {
  const spans = spansOf(text).map((span) =>
    typeof span === "string" ? visible(span) : { ...span, text: visible(span.text) },
  );
  let index = 0;
  let at = 0;
  return parts.map(([start, end]) => {
    const kept: Span[] = [];
    for (let span = spans[index]; span !== undefined; span = spans[++index]) {
      const shown = typeof span === "string" ? span : span.text;
      const piece = shown.slice(Math.max(start - at, 0), Math.max(end - at, 0));
      if (piece !== "") kept.push(typeof span === "string" ? piece : { ...span, text: piece });
      if (at + shown.length >= end) break;
      at += shown.length;
    }
    return kept;
  });
}
