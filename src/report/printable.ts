import { jsonRows, jsonText, type Printable, visible } from "../pci/visible.ts";
import { type Rich, spansOf } from "./rich.ts";
import { makePainter } from "./style.ts";

/** Lines as a screen. What stands in them is text, whatever its source meant by it; colours are ours alone. */
export function screenText(lines: readonly Rich[], { color }: { readonly color: boolean }): Printable {
  const paint = makePainter(color);
  const drawn = lines.map((line) =>
    spansOf(line)
      .map((span) => (typeof span === "string" ? visible(span) : paint(visible(span.text), span.paint)))
      .join(""),
  );
  return drawn.map((line) => `${line}\n`).join("") as Printable;
}

/** A value as JSON, with a line end. */
export function printableJson(value: unknown, indent?: number): Printable {
  return `${jsonText(value, indent)}\n` as Printable;
}

/** A matrix as JSON, with a line end: each pair is a line. */
export function printableMatrix(value: object): Printable {
  return `${jsonRows(value, ["pairs"])}\n` as Printable;
}

/** Printable texts one behind the other. */
export function joinPrintable(texts: readonly Printable[], separator: "" | "\n" = ""): Printable {
  return texts.join(separator) as Printable;
}
