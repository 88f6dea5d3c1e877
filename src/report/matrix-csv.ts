import { type Answers, answersOf } from "../answers/answer.ts";
import { type Gate, isSureBlock } from "../answers/gate.ts";
import { formatBdf } from "../pci/bdf.ts";
import type { Printable } from "../pci/visible.ts";
import type { DirectionFact } from "../platforms/directions.ts";
import type { VerdictTable } from "../rules/verdict-table.ts";
import { goesUp } from "../summary/going-up.ts";
import { isRefusedUnasked } from "../summary/unasked-pairs.ts";
import { type CsvCell, csvText } from "./csv.ts";
import { roleOf } from "./device-names.ts";
import { nameJson } from "./json.ts";
import { conditionText, gateLabel, MAP_TYPE_WORDS, reasonSentence } from "./reasons.ts";

const HEAD = [
  "provider",
  "providerName",
  "providerKind",
  "client",
  "clientName",
  "clientKind",
  "verdict",
  "goesUp",
  "unasked",
  "blocked",
  "reason",
  "distance",
  "hops",
  "locality",
  "acsRedirect",
  "gates",
  "hardwareWrite",
  "hardwareRead",
];

/**
 * The pairs of a table as CSV, a row each, none of a function with itself. Columns that JSON has too are called as there;
 * several things in one cell are separated by `; `, and what is not known is left empty.
 */
export function matrixCsv(table: VerdictTable): Printable {
  const answers = answersOf(table);
  const rows = table.providers.flatMap((provider, i) =>
    table.clients.flatMap((client, j) => (provider === client ? [] : [rowOf(answers, i, j)])),
  );
  return csvText(HEAD, rows);
}

function rowOf(answers: Answers, i: number, j: number): readonly CsvCell[] {
  const { table } = answers;
  const answer = answers.at(i, j);
  const { provider, client, locality, hardware } = answer;
  const condition = conditionText(answer);
  const end = (bdf: typeof provider): readonly CsvCell[] => [
    formatBdf(bdf),
    nameJson(table.topology, bdf),
    roleOf(table.topology.functionOf(bdf)),
  ];
  return [
    ...end(provider),
    ...end(client),
    MAP_TYPE_WORDS[answer.mapType],
    goesUp(table, i, j) ? "yes" : "no",
    isRefusedUnasked(table, i, j) ? "yes" : "no",
    blockedText(answer.gates),
    [reasonSentence(answer, table), ...(condition === null ? [] : [condition]), ...answer.hidden].join("; "),
    answer.distance,
    answer.hops,
    locality.word,
    answer.acsRedirect.map(formatBdf).join("; "),
    answer.gates.map(gateText).join("; "),
    directionText(hardware.write),
    directionText(hardware.read),
  ];
}

/** Whether a gate stops the pair, whatever its verdict is. */
function blockedText(gates: readonly Gate[]): string {
  if (gates.some(isSureBlock)) return "yes";
  return gates.some(({ effect }) => effect === "blocks") ? "perhaps" : "no";
}

function gateText(gate: Gate): string {
  return `${gateLabel(gate).text}: ${gate.message}`;
}

function directionText({ outcome, why }: DirectionFact): string {
  return `${outcome}: ${why}`;
}
