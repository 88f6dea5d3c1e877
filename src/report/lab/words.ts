import { type LabCell, type LabResult, type ListOutcome, outcomesOf } from "../../lab/lab.ts";
import { type LabOutcome, type RunResult, worse } from "../../lab/outcome.ts";
import type { Span } from "../document.ts";
import type { Paint } from "../style.ts";

/** How a design ends on a machine for each of the two pairs: `a` is `peerA` and the client, `b` is `peerB` and it. */
export interface CellOutcome {
  readonly a: ListOutcome;
  readonly b: ListOutcome;
}

/** Each pair by lists of its peer alone; `null` where none were run. */
export function cellOutcome(cell: LabCell): CellOutcome | null {
  const [a, b] = [outcomesOf(cell, "only-a"), outcomesOf(cell, "only-b")];
  return a === null || b === null ? null : { a, b };
}

/** Names of the pairs of a cell's class: by their place, where that tells them apart. */
function pairNames({ pairs: [a, b] }: LabCell): readonly [string, string] {
  return a === b ? [`${a} A`, `${b} B`] : [a, b];
}

const outcomeWords: Readonly<Record<LabOutcome, string>> = {
  right: "right",
  refused: "refused",
  fault: "fault",
  lost: "lost",
  "wrong-address": "wrong address",
};

const paints: Readonly<Record<LabOutcome, Paint>> = {
  right: "direct",
  refused: "warn",
  fault: "no",
  lost: "no",
  "wrong-address": "no",
};

/** `right`, or `write right, read fault` where the directions differ; and where the bytes lie in host memory. */
function listText({ read, write, isInHostMemory }: ListOutcome): string {
  const text = read === write ? outcomeWords[read] : `write ${outcomeWords[write]}, read ${outcomeWords[read]}`;
  return isInHostMemory ? `${text} (in host memory)` : text;
}

/** Both pairs: one word where they end alike, else each by its name: `near right, far refused`. */
export function outcomeText(cell: LabCell, { a, b }: CellOutcome): string {
  const [textA, textB] = [listText(a), listText(b)];
  if (textA === textB) return textA;
  const [nameA, nameB] = pairNames(cell);
  return `${nameA}: ${textA}; ${nameB}: ${textB}`;
}

/** The same, painted by the worst of all. */
export function outcomeSpan(cell: LabCell, outcome: CellOutcome): Span {
  return { text: outcomeText(cell, outcome), paint: paintOf(outcome) };
}

/** One run's own outcome. */
export function runSpan({ read, write, inHostMemory }: RunResult): Span {
  const one = { read, write, isInHostMemory: inHostMemory > 0 };
  return { text: listText(one), paint: paintOf({ a: one, b: one }) };
}

/** Why a cell is not right, in a sentence; empty where it is. */
export function whyOf({ counterExample }: LabCell): string {
  if (counterExample === null) return "";
  const { refusal, mishap } = counterExample.result;
  if (refusal !== null) return `at ${refusal.phase}: ${refusal.errno}, ${refusal.reason}`;
  if (mishap === null) return "";
  const { direction, expected, reached, routeOutcome } = mishap;
  const where = reached === null ? routeOutcome : `it reaches ${reached}`;
  return `a ${direction} of ${expected}: ${where}`;
}

const letters: Readonly<Record<LabOutcome, string>> = {
  right: "=",
  refused: "x",
  fault: "F",
  lost: "L",
  "wrong-address": "W",
};

function listLetters({ read, write, isInHostMemory }: ListOutcome): string {
  const text = read === write ? letters[read] : letters[write] + letters[read];
  return isInHostMemory ? text.replaceAll("=", "h") : text;
}

/** A letter for both pairs of a narrow table, or one for each, `a` first; two where directions differ, write first. */
export function outcomeLetter(outcome: CellOutcome): Span {
  const [a, b] = [listLetters(outcome.a), listLetters(outcome.b)];
  return { text: a === b ? a : `${a}|${b}`, paint: paintOf(outcome) };
}

/** What the letters mean. */
export const LETTERS_LEGEND =
  "= right, h right in host memory, x refused, F fault, L lost, W wrong address; a|b: the two pairs, the near one first; two letters: write, then read; lists without peers are right everywhere unless a counter-example says otherwise";

function paintOf({ a, b }: CellOutcome): Paint {
  const worst = [a.read, a.write, b.read, b.write].reduce(worse);
  return worst === "right" && (a.isInHostMemory || b.isInHostMemory) ? "warn" : paints[worst];
}

/** Whether both pairs end right or refused. */
export function isSafe({ a, b }: CellOutcome): boolean {
  return [a.read, a.write, b.read, b.write].every((one) => one === "right" || one === "refused");
}

/** `12 designs on 22 machines, …`. */
export function labTitle({ cells, classes, designs, lengths, seed }: LabResult): string {
  const runs = cells.reduce((sum, cell) => sum + cell.runs.length, 0);
  const plural = (count: number, one: string): string => `${count} ${one}${count === 1 ? "" : "s"}`;
  const machines = classes.length === 1 ? "1 machine class" : `${classes.length} machine classes`;
  return `${plural(designs.length, "design")} on ${machines}: ${runs} runs with lists of ${lengths.join(", ")} segments, seed ${seed}`;
}
