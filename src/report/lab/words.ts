import type { LabCell, LabResult, LabRun } from "../../lab/lab.ts";
import { LAB_OUTCOMES, type LabOutcome } from "../../lab/outcome.ts";
import type { Span } from "../document.ts";
import type { Paint } from "../style.ts";

/** Both directions of lists with peers, the worst of all lengths and kinds. */
export interface CellOutcome {
  readonly read: LabOutcome;
  readonly write: LabOutcome;
}

/** How a design ends on a machine, for lists that have peers. */
export function cellOutcome({ runs }: LabCell): CellOutcome {
  const withPeers = runs.filter(({ listKind }) => listKind !== "no-peer");
  const worst = (of: (run: LabRun) => LabOutcome): LabOutcome =>
    LAB_OUTCOMES[Math.max(0, ...withPeers.map((run) => LAB_OUTCOMES.indexOf(of(run))))] ?? "right";
  return { read: worst(({ result }) => result.read), write: worst(({ result }) => result.write) };
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

/** `right`, or `write right, read fault` where the directions differ. */
export function outcomeText({ read, write }: CellOutcome): string {
  return read === write ? outcomeWords[read] : `write ${outcomeWords[write]}, read ${outcomeWords[read]}`;
}

/** The same, painted by the worse of both. */
export function outcomeSpan(outcome: CellOutcome): Span {
  return { text: outcomeText(outcome), paint: paintOf(outcome) };
}

const letters: Readonly<Record<LabOutcome, string>> = {
  right: "=",
  refused: "x",
  fault: "F",
  lost: "L",
  "wrong-address": "W",
};

/** One letter for a cell of a narrow table; two where the directions differ, write first. */
export function outcomeLetter(outcome: CellOutcome): Span {
  const { read, write } = outcome;
  const text = read === write ? letters[read] : letters[write] + letters[read];
  return { text, paint: paintOf(outcome) };
}

/** What the letters mean. */
export const LETTERS_LEGEND =
  "= right, x refused, F fault, L lost, W wrong address; two letters: write, then read; lists without peers are right everywhere unless a counter-example says otherwise";

function paintOf({ read, write }: CellOutcome): Paint {
  return paints[LAB_OUTCOMES.indexOf(read) > LAB_OUTCOMES.indexOf(write) ? read : write];
}

/** `12 designs on 22 machines, …`. */
export function labTitle({ cells, classes, designs, lengths, seed }: LabResult): string {
  const runs = cells.reduce((sum, cell) => sum + cell.runs.length, 0);
  const plural = (count: number, one: string): string => `${count} ${one}${count === 1 ? "" : "s"}`;
  const machines = classes.length === 1 ? "1 machine class" : `${classes.length} machine classes`;
  return `${plural(designs.length, "design")} on ${machines}: ${runs} runs with lists of ${lengths.join(", ")} segments, seed ${seed}`;
}
