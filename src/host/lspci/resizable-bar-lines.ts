import { type Line, word } from "./line.ts";
import { unreadable } from "./reasons.ts";
import type { FunctionRecord } from "./record.ts";

const bar = word("BAR ");
const unreadableText = word("<unreadable>");
const pattern = /^BAR ([0-7]): current size: (\d+[KMGTPE]B|<unknown>)(?:, supported:((?: \d+[KMGTPE]B| <unknown>)*))?$/;
const exponents: Readonly<Record<string, number>> = { K: 10, M: 20, G: 30, T: 40, P: 50, E: 60 };

/** Reads `BAR 0: current size: 256MB, supported: 256MB 512MB 1GB` below a Resizable BAR capability. */
export function readResizableBarLine(line: Line, record: FunctionRecord): void {
  if (line.has(unreadableText)) record.resizableBarsUnreadable = true;
  if (!line.has(bar) || record.resizableBars.length >= 6) return;
  const match = pattern.exec(line.text());
  if (match === null) {
    record.resizableBarsUnreadable = true;
    return;
  }
  record.resizableBars.push({
    barIndex: Number(match[1]),
    currentBytes: readSize(match[2] ?? "") ?? unreadable,
    supportedBytes: (match[3] ?? "").split(" ").flatMap((text) => readSize(text) ?? []),
  });
}

function readSize(text: string): number | undefined {
  const bytes = Number.parseInt(text, 10) * 2 ** (exponents[text.at(-2) ?? ""] ?? Number.NaN);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}
