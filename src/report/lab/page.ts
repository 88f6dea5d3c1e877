import { markdownTable } from "markdown-table";
import type { MappingDesign } from "../../lab/design.ts";
import type { LabCell, LabResult } from "../../lab/lab.ts";
import type { Statement, StatementResult } from "../../lab/statements/statement.ts";
import type { Printable } from "../../pci/visible.ts";
import { escaped } from "../document-markdown.ts";
import type { LabView } from "./blocks.ts";
import { costTables } from "./costs.ts";
import { cellOutcome, isSafe, labTitle, outcomeText, whyOf } from "./words.ts";

/**
 * The generated part of docs/lab.md: the table, what was said beside what was found, costs, machines, and a section for
 * each design. The same result gives the same text.
 */
export function labPage({ result, statements }: LabView): Printable {
  const sections = [
    `${labTitle(result)}. Each cell is of two pairs, the client with peer A and with peer B: near ones have a bridge in common, far ones have not. Where both end alike there is one word. Lists without peers are right on every machine.`,
    outcomeTable(result),
    "## What was said, and what the lab found",
    statementTable(statements),
    "## Costs",
    "Counted operations of map and unmap. For each segment: page touches, look-ups (page → page map → provider, or address → provider in the table of whoever hands the memory out), visits. For the whole list: passes, calls of the IOMMU driver (one for each run of memory and for each range), flushes waited for, allocations and frees of IOVA space, objects allocated; and what was done before the call (building, allocation, submission, attaching). The functions that do the work count, not the designs; [a test](../test/lab/counted-from-outside.test.ts) wraps the same objects from outside and finds the same figures for each design on each machine. Designs that map peer memory by a call of its own would never get a mixed list: the lab parts it for them, before.",
    ...costTables(result).flatMap(({ title, head, rows }) => [`### ${title}`, tableOf(head, rows)]),
    "## Machines",
    result.classes
      .map(({ id, pairs, title, words }) => `- **${id}** (${title}; ${pairsText(pairs)}): ${escaped(words)}`)
      .join("\n"),
    "## Designs",
    ...result.designs.map((design) => designSection(design, result, statements)),
  ];
  return `${sections.join("\n\n")}\n` as Printable;
}

function pairsText([a, b]: readonly [string, string]): string {
  return a === b ? `both peers ${a}` : `peer A ${a}, peer B ${b}`;
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
  if (outcome === null) return "";
  const text = outcomeText(cell, outcome);
  return isSafe(outcome) ? text : `**${text}**`;
}

function statementTable(statements: readonly StatementResult[]): string {
  return markdownTable([
    ["said", "by", "", "found"],
    ...statements.flatMap(({ statement, checked }) => {
      if (checked === null) return [];
      const by = `${statement.who}, ${statement.date}${statement.seed === null ? "" : ` (seed ${statement.seed})`}`;
      return [
        [
          escaped(statement.says),
          by,
          checked.holds ? "claim holds" : "**does not hold**",
          `${escaped(checked.evidence)}${leftOutText(statement)}`,
        ],
      ];
    }),
  ]);
}

/** Machines that do not count, by the author's own words. */
function leftOutText({ leftOut }: Statement): string {
  return leftOut === undefined
    ? ""
    : `; left out by its author (${escaped(leftOut.why)}): ${leftOut.classes.join(", ")}`;
}

function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return markdownTable([head.map(escaped), ...rows.map((row) => row.map(escaped))]);
}

function designSection(design: MappingDesign, { cells }: LabResult, statements: readonly StatementResult[]): string {
  const own = cells.filter((cell) => cell.design === design.id);
  const said = statements.filter(
    ({ statement, checked }) => checked !== null && statement.about.some((id) => id === design.id),
  );
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
    const outcome = cellOutcome(cell);
    if (outcome === null) continue;
    const text = outcomeText(cell, outcome);
    groups.set(text, [...(groups.get(text) ?? []), cell]);
  }
  return [...groups].map(([text, group]) => {
    const isPlain = text.startsWith("right") && !text.includes(";");
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
