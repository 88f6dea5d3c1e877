import { advise } from "../advice/fix/advise.ts";
import type { Pair } from "../advice/fix/idea.ts";
import type { Change } from "../advice/what-if/change.ts";
import type { Printable } from "../pci/visible.ts";
import type { PeerRoutes } from "../routes/peer-routes.ts";
import type { VerdictTable } from "../rules/verdict-table.ts";
import { type Block, heading, list, paragraph } from "./document.ts";
import { documentMarkdown, fence } from "./document-markdown.ts";
import { fixBlocks } from "./fix/blocks.ts";
import { plainText } from "./rich.ts";
import { matrixBlocks } from "./screen-markdown.ts";
import { type TreeInput, treeLines } from "./tree-text.ts";
import { askedBlocks } from "./what-if.ts";

/** Advice on more pairs than this would be longer than anybody reads. */
const MAX_PAIRS = 64;

/** One Markdown text with all that a colleague or a maintainer asks for first: verdicts, what helps, topology, notes. */
export function machineReport(
  input: TreeInput,
  madeBy: string,
  routes?: PeerRoutes,
  changes: readonly Change[] = [],
): Printable {
  const { table } = input;
  const pairs = redirectedPairs(table);
  const notes = table.machine.notes.map(
    ({ message, remedy }) => `${message}${remedy === undefined ? "" : ` → ${remedy}`}`,
  );
  const { commandLine } = table.machine.kernel;
  const sections: readonly string[] = [
    "## PCI peer-to-peer report",
    ...(changes.length === 0 ? [] : [documentMarkdown(askedBlocks(changes)).trimEnd()]),
    documentMarkdown(matrixBlocks(table, undefined, routes)).trimEnd(),
    documentMarkdown([
      heading("Command line"),
      paragraph(
        typeof commandLine === "string" ? commandLine || "(no parameter that matters here)" : commandLine.unknown,
      ),
      ...(notes.length === 0 ? [] : [heading("What the source hides"), list(notes)]),
    ]).trimEnd(),
    ...(pairs.length === 0 ? [] : [details("What would help", documentMarkdown(adviceBlocks(table, pairs)))]),
    details("Topology", fence(treeLines(input, Number.POSITIVE_INFINITY).map(plainText))),
    `<sub>made by ${madeBy}; serial numbers, MAC addresses and host names are left out</sub>`,
  ];
  return `${sections.join("\n\n")}\n` as Printable;
}

/** Markdown needs the empty lines around what is inside. */
function details(title: string, markdown: string): string {
  return `<details><summary>${title}</summary>\n\n${markdown.trimEnd()}\n\n</details>`;
}

function redirectedPairs(table: VerdictTable): readonly Pair[] {
  const pairs: Pair[] = [];
  table.providers.forEach((provider, i) => {
    table.clients.forEach((client, j) => {
      if (provider === client || pairs.length >= MAX_PAIRS || table.mapType(i, j) === "bus-addr") return;
      if (table.redirected(i, j)) pairs.push({ provider, client });
    });
  });
  return pairs;
}

function adviceBlocks({ machine, rules }: VerdictTable, pairs: readonly Pair[]): readonly Block[] {
  const chosen = rules.chosenBy === "flag" && rules.release !== null ? { rules: rules.release } : {};
  return fixBlocks(advise(machine, pairs, chosen));
}
