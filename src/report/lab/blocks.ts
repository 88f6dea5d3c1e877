import type { LabCell, LabResult } from "../../lab/lab.ts";
import type { MeasuredDesign } from "../../lab/measure.ts";
import type { StatementResult } from "../../lab/statements/statement.ts";
import { type Block, heading, list, paragraph, type Rich, table } from "../document.ts";
import { costTables } from "./costs.ts";
import { cellOutcome, LETTERS_LEGEND, labTitle, outcomeLetter, outcomeSpan, whyOf } from "./words.ts";

/** What a report of the lab is made of. */
export interface LabView {
  readonly result: LabResult;
  readonly statements: readonly StatementResult[];
  /** Times of this implementation, where they were asked for. */
  readonly measured: readonly MeasuredDesign[];
}

/** Refusals that are listed. */
const MOST_REFUSALS = 16;

/** The lab as a report: who ends how where, the smallest counter-examples, statements, costs. */
export function labBlocks(view: LabView): readonly Block[] {
  const { result } = view;
  return [
    heading(labTitle(result)),
    ...(result.designs.length === 1 ? [designTable(result)] : [overview(result), paragraph(LETTERS_LEGEND)]),
    ...(result.designs.length === 1
      ? []
      : [list(result.designs.map(({ id, title }, index) => `${index + 1}: ${id}, ${title}`))]),
    ...counterExampleBlocks(result),
    ...refusalBlocks(result),
    ...statementBlocks(view.statements),
    ...costTables(result).flatMap(({ title, head, rows }) => [heading(title), table(head, rows)]),
    ...measuredBlocks(view.measured),
  ];
}

function overview({ cells, classes, designs }: LabResult): Block {
  return table(
    ["machine", ...designs.map((_, index) => `${index + 1}`)],
    classes.map(({ id }) => [id, ...designs.map((design) => letterOf(cells, design.id, id))]),
  );
}

function letterOf(cells: readonly LabCell[], design: string, kind: string): Rich {
  const cell = cells.find((one) => one.design === design && one.kind === kind);
  const outcome = cell === undefined ? null : cellOutcome(cell);
  return outcome === null ? "" : [outcomeLetter(outcome)];
}

function designTable({ cells }: LabResult): Block {
  return table(
    ["machine", "lists with peers", "why"],
    cells.map((cell) => {
      const outcome = cellOutcome(cell);
      return [cell.kind, outcome === null ? "" : [outcomeSpan(cell, outcome)], whyOf(cell)];
    }),
  );
}

function counterExampleBlocks({ cells }: LabResult): readonly Block[] {
  const wrong = cells.filter((cell) => cell.counterExample !== null && cell.counterExample.result.refusal === null);
  if (wrong.length === 0) return [];
  return [
    heading("Smallest counter-examples"),
    list(wrong.map((cell): Rich => [{ text: cell.counterExample?.id ?? "", paint: "strong" }, `: ${whyOf(cell)}`])),
    paragraph("peerlane lab replay ID runs one again, hop by hop; JSON has the ids of refusals as well"),
  ];
}

/** Refusals of several designs, by their reason, where they are few enough to be read; one design has them in its table. */
function refusalBlocks({ cells, designs }: LabResult): readonly Block[] {
  const refused = cells.filter((cell) => (cell.counterExample?.result.refusal ?? null) !== null);
  if (designs.length === 1 || refused.length === 0 || refused.length > MOST_REFUSALS) return [];
  return [
    heading("Refused"),
    list(refused.map((cell): Rich => [{ text: cell.counterExample?.id ?? "", paint: "strong" }, `: ${whyOf(cell)}`])),
  ];
}

function statementBlocks(statements: readonly StatementResult[]): readonly Block[] {
  const checked = statements.filter((one) => one.checked !== null);
  if (checked.length === 0) return [];
  return [
    heading("What was said, and what the lab found"),
    list(
      checked.map(({ statement, checked: found }): Rich => {
        const holds = found?.holds === true;
        return [
          { text: holds ? "claim holds" : "does not hold", paint: holds ? "direct" : "no" },
          `: ${statement.says} (${statement.who}, ${statement.date}) → ${found?.evidence ?? ""}`,
        ];
      }),
    ),
  ];
}

function measuredBlocks(measured: readonly MeasuredDesign[]): readonly Block[] {
  if (measured.length === 0) return [];
  return [
    heading(`Time of this implementation on ${measured[0]?.kind ?? ""}: prepare, map and unmap`),
    table(
      ["design", "ns per segment"],
      measured.map(({ design, nsPerSegment }) => [design, nsPerSegment === null ? "refused" : nsPerSegment.toFixed(1)]),
    ),
  ];
}
