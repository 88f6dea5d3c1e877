import { markdownTable } from "markdown-table";
import type { AskingRow, DriverSet, Proviso } from "../../src/platforms/asking.ts";
import { conditionWords } from "../../src/platforms/asking-conditions.ts";
import { ASKING_ROWS, addressWords, WHO_ASKS_VERSION } from "../../src/platforms/who-asks.ts";

function driversInWords(set: DriverSet): string {
  if (set === "any") return "any";
  if (set === "peer-memory") return "any with registered peer memory";
  return set.map((driver) => `\`${driver}\``).join(", ");
}

/** Of more drivers than this the table names the first, and the section below all. */
const NAMED = 12;

function shortly(set: DriverSet): string {
  if (typeof set === "string" || set.length <= NAMED) return driversInWords(set);
  return `${driversInWords(set.slice(0, 3))} and ${set.length - 3} more, below`;
}

/** The drivers that the table does not name. */
function longSets({ drivers }: AskingRow): readonly string[] {
  const sets = drivers.flatMap(({ client }) => (typeof client === "string" || client.length <= NAMED ? [] : [client]));
  return [...new Set(sets)].map((set) => `- Read and written by: ${driversInWords(set)}.`);
}

function pairInWords({ drivers }: AskingRow): string {
  return drivers.map(({ provider, client }) => `${driversInWords(provider)} → ${shortly(client)}`).join("<br>");
}

function section(row: AskingRow): string {
  const { id, title, words, decides, onNo, address, seen, provisos = [], aside, unless, butNot = [], sources } = row;
  const but = butNot.length === 0 ? "" : ` Not for ${butNot.map((driver) => `\`${driver}\``).join(", ")}.`;
  return [
    `### ${id}`,
    "",
    `${title}.${but} ${words}`,
    "",
    ...longSets(row),
    `- Decides: ${decides}.`,
    `- On no: ${onNo}.`,
    `- Address: ${addressWords(address)}.`,
    `- To see it: ${seen}.`,
    ...provisos.map((proviso) => `- Where ${conditionWords(proviso.when)}: ${proviso.words}${unlessText(proviso)}.`),
    ...(unless === undefined ? [] : [`- Not so where ${unless}.`]),
    ...(aside === undefined ? [] : [`- Does not count for the class of a pair: ${aside}.`]),
    ...sources.map(({ evidence, where, date, says }) => `- [${evidence}](${where}), ${date}: ${says}`),
  ].join("\n");
}

function unlessText({ unless }: Proviso): string {
  return unless === undefined ? "" : `, unless ${unless}`;
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
