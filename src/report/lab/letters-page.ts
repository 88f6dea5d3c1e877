import { markdownTable } from "markdown-table";
import { LETTERS } from "../../lab/letters/all-letters.ts";
import type { Letter, Trial } from "../../lab/letters/letter.ts";
import type { StatementResult } from "../../lab/statements/statement.ts";
import type { Printable } from "../../pci/visible.ts";
import { escaped } from "../document-markdown.ts";

/**
 * The generated part of docs/letters.md: every sentence of the letters with what tries it and what that found, or why nothing
 * does. The same results give the same text.
 */
export function lettersPage(statements: readonly StatementResult[]): Printable {
  const all = LETTERS.flatMap(({ sentences }) => sentences);
  const untried = all.filter(({ trial }) => "notTried" in trial).length;
  const count = `${all.length} sentences in ${LETTERS.length} letters: ${all.length - untried} tried, ${untried} not, each with the reason.`;
  return `${[count, ...LETTERS.map((letter) => letterSection(letter, statements))].join("\n\n")}\n` as Printable;
}

function letterSection(
  { id, from, date, subject, link, sentences }: Letter,
  statements: readonly StatementResult[],
): string {
  return [
    `## Letter ${id}: ${escaped(from)}, ${date}`,
    `[${escaped(subject)}](${link})`,
    markdownTable([
      ["", "says", "sentence", "tried by", "found"],
      ...sentences.map(({ who, quote, trial }, index) => [
        `${id}.${index + 1}`,
        who.split(" ").at(-1) ?? who,
        escaped(quote),
        ...trialCells(trial, statements),
      ]),
    ]),
  ].join("\n\n");
}

function trialCells(trial: Trial, statements: readonly StatementResult[]): readonly [string, string] {
  if ("notTried" in trial) return ["not tried", escaped(trial.notTried)];
  const command = trial.command === undefined ? [] : [`\`${trial.command}\``];
  if (!("statements" in trial)) return [command.join(""), "shown by the command"];
  const found = trial.statements.map((id) => {
    const result = statements.find(({ statement }) => statement.id === id)?.checked ?? null;
    if (result === null) return `${id}: not run`;
    return `${result.holds ? "holds" : "**does not hold**"}: ${escaped(result.evidence)}`;
  });
  const by = trial.statements.map((id) => `[${id}](lab.md#what-was-said-and-what-the-lab-found)`);
  return [[...by, ...command].join(", "), found.join("; ")];
}
