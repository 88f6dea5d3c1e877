import { markdownTable } from "markdown-table";
import type { MappingDesign } from "../../lab/design.ts";
import type { LabCell, LabResult } from "../../lab/lab.ts";
import type { StatementResult } from "../../lab/statements/statement.ts";
import type { Printable } from "../../pci/visible.ts";
import { escaped } from "../document-markdown.ts";
import { type LabView, whyOf } from "./blocks.ts";
import { costTables } from "./costs.ts";
import { cellOutcome, labTitle, outcomeText } from "./words.ts";

/**
 * The generated part of docs/lab.md: the table, what was said beside what was found, costs, machines, and a section for
 * each design. The same result gives the same text.
 */
export function labPage({ result, statements }: LabView): Printable {
  const sections = [
    `${labTitle(result)}. Lists with peers; lists without are right on every machine.`,
    outcomeTable(result),
    "## What was said, and what the lab found",
    statementTable(statements),
    "## Costs",
    "Counted operations of map and unmap. For each segment: page touches, look-ups (page → page map → provider), visits. For the whole list: passes, calls of the IOMMU driver, flushes waited for, allocations and frees of IOVA space, objects allocated; and what was done before the call (building, allocation, submission, attaching).",
    ...costTables(result).flatMap(({ title, head, rows }) => [`### ${title}`, tableOf(head, rows)]),
    "## Machines",
    result.classes.map(({ id, title, words }) => `- **${id}** (${title}): ${escaped(words)}`).join("\n"),
    "## Designs",
    ...result.designs.map((design) => designSection(design, result, statements)),
  ];
  return `${sections.join("\n\n")}\n` as Printable;
}

function outcomeTable({ cells, classes, designs }: LabResult): string {
  return markdownTable([
    ["machine", ...designs.map(({ id }) => `[${id}](#${id})`)],
    ...classes.map(({ id }) => [
      id,
      ...designs.map((design) => {
        const cell = cells.find((one) => one.design === design.id && one.kind === id);
        return cell === undefined ? "" : emphasized(cell);
      }),
    ]),
  ]);
}

/** What is neither right nor refused stands out. */
function emphasized(cell: LabCell): string {
  const outcome = cellOutcome(cell);
  const text = outcomeText(outcome);
  const isSafe = [outcome.read, outcome.write].every((one) => one === "right" || one === "refused");
  return isSafe ? text : `**${text}**`;
}

function statementTable(statements: readonly StatementResult[]): string {
  return markdownTable([
    ["said", "by", "", "found"],
    ...statements.flatMap(({ statement, checked }) => {
      if (checked === null) return [];
      const by = `${statement.who}, ${statement.date}${statement.seed === null ? "" : ` (seed ${statement.seed})`}`;
      return [
        [escaped(statement.says), by, checked.holds ? "claim holds" : "**does not hold**", escaped(checked.evidence)],
      ];
    }),
  ]);
}

function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return markdownTable([head.map(escaped), ...rows.map((row) => row.map(escaped))]);
}

function designSection(design: MappingDesign, { cells }: LabResult, statements: readonly StatementResult[]): string {
  const own = cells.filter((cell) => cell.design === design.id);
  const said = statements.filter(({ statement, checked }) => checked !== null && statement.about.includes(design.id));
  return [
    `### ${design.id}`,
    `${capital(design.title)}. ${escaped(design.idea)}`,
    [
      ...design.origins.map(({ who, date, what, link }) => `- [${who}, ${date}](${link}): ${escaped(what)}`),
      `- struct pages for peer memory: ${design.hasPeerPages ? "yes, 64 bytes for each 4 KiB" : "none"}`,
      ...findings(own),
      ...said.map(
        ({ statement, checked }) =>
          `- ${checked?.holds === true ? "claim holds" : "does not hold"}: ${escaped(statement.says)}`,
      ),
    ].join("\n"),
  ].join("\n\n");
}

function findings(cells: readonly LabCell[]): readonly string[] {
  const groups = new Map<string, LabCell[]>();
  for (const cell of cells) {
    const text = outcomeText(cellOutcome(cell));
    groups.set(text, [...(groups.get(text) ?? []), cell]);
  }
  return [...groups].map(([text, group]) => {
    const isPlain = text === "right";
    const where = group.map((cell) => (isPlain ? cell.kind : `${cell.kind} (${exampleOf(cell)})`));
    return `- ${text}: ${where.join(isPlain ? ", " : "; ")}`;
  });
}

function exampleOf(cell: LabCell): string {
  const { counterExample } = cell;
  if (counterExample === null) return "";
  const { refusal } = counterExample.result;
  if (refusal !== null) return `${refusal.errno} at ${refusal.phase}`;
  return `\`${counterExample.id}\`: ${escaped(whyOf(cell))}`;
}

function capital(text: string): string {
  return text.startsWith("sg_") || text.startsWith("dma_")
    ? escaped(text)
    : escaped(text[0]?.toUpperCase() + text.slice(1));
}
