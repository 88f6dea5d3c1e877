import { markdownTable } from "markdown-table";
import type { AskingRow, DriverSet } from "../../src/platforms/asking.ts";
import { conditionWords } from "../../src/platforms/asking-conditions.ts";
import { ASKING_ROWS, addressWords, WHO_ASKS_VERSION } from "../../src/platforms/who-asks.ts";

function driversInWords(set: DriverSet): string {
  if (set === "any") return "any";
  if (set === "peer-memory") return "any with registered peer memory";
  return set.map((driver) => `\`${driver}\``).join(", ");
}

function pairInWords({ drivers }: AskingRow): string {
  return drivers.map(({ provider, client }) => `${driversInWords(provider)} → ${driversInWords(client)}`).join("<br>");
}

function section(row: AskingRow): string {
  const { id, title, words, decides, onNo, address, seen, provisos = [], aside, butNot = [], sources } = row;
  const but = butNot.length === 0 ? "" : ` Not for ${butNot.map((driver) => `\`${driver}\``).join(", ")}.`;
  return [
    `### ${id}`,
    "",
    `${title}.${but} ${words}`,
    "",
    `- Decides: ${decides}.`,
    `- On no: ${onNo}.`,
    `- Address: ${addressWords(address)}.`,
    `- To see it: ${seen}.`,
    ...provisos.map(({ when, words: then }) => `- Where ${conditionWords(when)}: ${then}.`),
    ...(aside === undefined ? [] : [`- Does not count for the class of a pair: ${aside}.`]),
    ...sources.map(({ evidence, where, date, says }) => `- [${evidence}](${where}), ${date}: ${says}`),
  ].join("\n");
}

function rowsInMarkdown(): string {
  const table = markdownTable([
    ["Way", "Memory of → read and written by", "Class", "On no"],
    ...ASKING_ROWS.map((row) => [
      `[${row.id}](#${row.id})`,
      pairInWords(row),
      row.aside === undefined ? row.class : `${row.class} (aside)`,
      row.onNo,
    ]),
  ]);
  return [`Version ${WHO_ASKS_VERSION}.`, table, ...ASKING_ROWS.map(section)].join("\n\n");
}

/** Puts the rows between the marks of a page. */
export function withRows(page: string): string {
  return page.replace(/(<!-- rows -->\n)[\s\S]*?(\n<!-- end of rows -->)/, (_, before: string, after: string) => {
    return `${before}\n${rowsInMarkdown()}\n${after}`;
  });
}
