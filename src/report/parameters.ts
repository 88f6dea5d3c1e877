import { partsOf, plainText, type Rich, spansOf } from "./rich.ts";

/** A kernel parameter with its value, as it stands in a sentence. */
const PARAMETER = /(?<![\w.])(?:pci|iommu|iommu\.\w+|(?:intel|amd)[-_]iommu)=[\w.,:;@/=+-]*\w/g;

/** A text with its kernel parameters set apart as code: what is pasted somewhere is no part of the sentence. */
export function withCode(text: Rich): Rich {
  const whole = plainText(text);
  const found = [...whole.matchAll(PARAMETER)].map(({ 0: word, index }) => [index, index + word.length] as const);
  if (found.length === 0) return text;
  const cuts = [...new Set([0, ...found.flat(), whole.length])].sort((a, b) => a - b);
  const parts = cuts.slice(1).map((end, at) => [cuts[at] ?? 0, end] as const);
  return partsOf(text, parts).flatMap((part, at) => {
    const isCode = found.some(([start]) => start === parts[at]?.[0]);
    return isCode ? [{ text: plainText(part), paint: "code" as const }] : spansOf(part);
  });
}
