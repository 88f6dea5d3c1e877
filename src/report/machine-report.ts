import { advise } from "../advice/fix/advise.ts";
import type { Pair } from "../advice/fix/idea.ts";
import type { Change } from "../advice/what-if/change.ts";
import { isUnknown, type Known } from "../pci/known.ts";
import type { Printable } from "../pci/visible.ts";
import type { PeerRoutes } from "../routes/peer-routes.ts";
import type { VerdictTable } from "../rules/verdict-table.ts";
import { heading, list, paragraph } from "./document.ts";
import { documentMarkdown, fence } from "./document-markdown.ts";
import { fixBlocks } from "./fix/blocks.ts";
import { pairsText } from "./fix/outcome.ts";
import { untoldNotes } from "./notes.ts";
import { painted, plainText, type Rich } from "./rich.ts";
import { matrixBlocks } from "./screen-markdown.ts";
import { type TreeInput, treeLines } from "./tree-text.ts";
import { askedBlocks, type WhatIfView } from "./what-if.ts";

/** Pairs that one piece of advice is for: of more, the others are counted. */
const MAX_PAIRS = 10_000;

/** One Markdown text with all that a colleague or a maintainer asks for first: verdicts, what helps, topology, notes. */
export function machineReport(
  input: TreeInput,
  madeBy: string,
  routes?: PeerRoutes,
  changes: readonly Change[] = [],
  whatIf?: WhatIfView,
): Printable {
  const { table } = input;
  const redirected = redirectedPairs(table);
  const verdicts = documentMarkdown(matrixBlocks(table, whatIf, routes)).trimEnd();
  const notes = untoldNotes(table.machine.notes, verdicts).map(
    ({ message, remedy }) => `${message}${remedy === undefined ? "" : ` → ${remedy}`}`,
  );
  const { commandLine } = table.machine.kernel;
  const sections: readonly string[] = [
    "## PCI peer-to-peer report",
    ...(changes.length === 0 ? [] : [documentMarkdown(askedBlocks(changes)).trimEnd()]),
    verdicts,
    documentMarkdown([
      heading("Command line"),
      paragraph(commandLineText(commandLine)),
      ...(notes.length === 0 ? [] : [heading("What the source hides"), list(notes)]),
    ]).trimEnd(),
    ...adviceDetails(table, redirected),
    details("Topology", fence(treeLines(input, Number.POSITIVE_INFINITY, whatIf).map(plainText))),
    `<sub>made by ${madeBy}; serial numbers, MAC addresses and host names are left out</sub>`,
  ];
  return `${sections.join("\n\n")}\n` as Printable;
}

/** Markdown needs the empty lines around what is inside. */
function details(title: string, markdown: string): string {
  return `<details><summary>${title}</summary>\n\n${markdown.trimEnd()}\n\n</details>`;
}

function commandLineText(commandLine: Known<string>): Rich {
  if (isUnknown(commandLine)) return commandLine.unknown;
  const words = commandLine.trim();
  return words === "" ? "(no parameter that matters here)" : [painted("code", words)];
}

/** Every pair that ACS keeps from being direct. */
function redirectedPairs(table: VerdictTable): readonly Pair[] {
  return table.providers.flatMap((provider, i) =>
    table.clients.flatMap((client, j): Pair[] => {
      if (provider === client || table.mapType(i, j) === "bus-addr") return [];
      return table.redirected(i, j) ? [{ provider, client }] : [];
    }),
  );
}

/** What helps all redirected pairs at once, so that one parameter does; how many more there are than were looked at. */
function adviceDetails({ machine, rules }: VerdictTable, redirected: readonly Pair[]): readonly string[] {
  if (redirected.length === 0) return [];
  const chosen = rules.chosenBy === "flag" && rules.release !== null ? { rules: rules.release } : {};
  const pairs = redirected.slice(0, MAX_PAIRS);
  const advice = advise(machine, pairs, { ...chosen, slots: false });
  const left = redirected.length - pairs.length;
  const about = `for the ${pairsText(pairs.length)} that ACS redirects${left === 0 ? "" : `, of ${redirected.length}: the other ${left} were not looked at`}; other slots were not looked for, as peerlane fix does`;
  return [details(`What would help, ${about}`, documentMarkdown(fixBlocks(advice, { isPart: true })))];
}
