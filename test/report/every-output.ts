import { PeerRoutes } from "../../src/fabric/index.ts";
import type { Machine } from "../../src/host/machine.ts";
import { writeSnapshot } from "../../src/host/snapshot/index.ts";
import {
  advise,
  compareMachines,
  compareVerdicts,
  decideAll,
  expectedIommuGroups,
  findProvider,
  selectDevices,
  verdictHistory,
} from "../../src/p2pdma/index.ts";
import { checkPolicy, parsePolicy } from "../../src/p2pdma/policy/index.ts";
import { PeerlaneError } from "../../src/pci/error.ts";
import { hasUnseen } from "../../src/pci/visible.ts";
import { checkJson, checkJunit, checkMarkdown, checkSarif, checkText } from "../../src/report/check/index.ts";
import {
  differenceBlocks,
  diffJson,
  documentMarkdown,
  documentText,
  explainBlocks,
  explainJson,
  explainText,
  findBlocks,
  findJson,
  fixBlocks,
  fixJson,
  historyBlocks,
  historyJson,
  machineReport,
  matrixBlocks,
  matrixJson,
  matrixText,
  printableJson,
  treeBlocks,
  treeJson,
  treeText,
} from "../../src/report/index.ts";

/** What a verb prints of a machine, by its name and form. */
export type Output = readonly [name: string, text: string];

const POLICY = `policy: every output
require:
  - { name: "GPUs reach NICs", provider: gpu, client: nic, path: direct }
  - { provider: nvme, client: all }
forbid:
  - { provider: gpu, client: nvme }
separate:
  - devices: all
machine: { kernel: ">=6.2" }
`;

/** Everything that verbs print of a machine, in every form: with colours where the name says so. */
export function everyOutput(machine: Machine, width = 90): readonly Output[] {
  const screen = { width, color: false };
  const colored = { width, color: true };
  const chosen = selectDevices(machine, { all: false });
  const selection = {
    providers: chosen.providers.slice(0, 4),
    clients: [...new Set([...chosen.clients, ...chosen.providers])].slice(0, 4),
  };
  const table = decideAll(machine, selection);
  const routes = new PeerRoutes(table);
  const input = { table, expectedGroups: expectedIommuGroups(machine, table.topology) };
  const policy = checkPolicy(machine, parsePolicy(POLICY, "every.yaml"));
  return [
    ["matrix", matrixText(table, screen, undefined, routes)],
    ["matrix in colour", matrixText(table, colored, undefined, routes)],
    ["matrix --markdown", documentMarkdown(matrixBlocks(table, undefined, routes))],
    ["matrix --json", printableJson(matrixJson(input, routes), 1)],
    ["tree", treeText(input, screen)],
    ["tree in colour", treeText(input, colored)],
    ["tree --markdown", documentMarkdown(treeBlocks(input))],
    ["tree --json", printableJson(treeJson(input), 1)],
    ["report", machineReport(input, "test", routes)],
    ["check", checkText(policy, screen)],
    ["check in colour", checkText(policy, colored)],
    ["check --markdown", checkMarkdown(policy)],
    ["check --json", printableJson(checkJson(policy), 1)],
    ["check --junit", checkJunit(policy)],
    ["check --sarif", printableJson(checkSarif(policy), 1)],
    ["capture", snapshotOf(machine)],
    ...pairOutputs(machine, selection.providers[0], selection.clients.at(-1), screen),
    ...differenceOutputs(machine, screen),
  ];
}

/** A value that a register could not hold is refused, and that is no output. */
function snapshotOf(machine: Machine): string {
  try {
    return writeSnapshot(machine);
  } catch (error) {
    if (error instanceof PeerlaneError) return "";
    throw error;
  }
}

type Bdf = Machine["functions"][number]["bdf"];

function pairOutputs(
  machine: Machine,
  provider: Bdf | undefined,
  client: Bdf | undefined,
  screen: { readonly width: number; readonly color: boolean },
): readonly Output[] {
  if (provider === undefined || client === undefined) return [];
  const both = provider === client ? [provider] : [provider, client];
  const table = decideAll(machine, { providers: both, clients: both });
  const one = decideAll(machine, { providers: [provider], clients: [client] });
  const routes = new PeerRoutes(table);
  const advice = advise(machine, [{ provider, client }]);
  const search = findProvider(machine, [client]);
  const history = verdictHistory(machine, provider, client);
  return [
    ["explain", explainText(table, provider, client, screen, routes)],
    ["explain in colour", explainText(table, provider, client, { ...screen, color: true }, routes)],
    ["explain --markdown", documentMarkdown(explainBlocks(table, provider, client, routes))],
    ["explain --json", printableJson(explainJson(table, provider, client, routes), 1)],
    ["fix", documentText(fixBlocks(advice), screen)],
    ["fix --markdown", documentMarkdown(fixBlocks(advice))],
    ["fix --json", printableJson(fixJson(advice), 1)],
    ["find", documentText(findBlocks(search), screen)],
    ["find --markdown", documentMarkdown(findBlocks(search))],
    ["find --json", printableJson(findJson(search), 1)],
    ["explain --history", documentText(historyBlocks(one, history), screen)],
    ["explain --history --markdown", documentMarkdown(historyBlocks(one, history))],
    ["explain --history --json", printableJson(historyJson(one, history), 1)],
  ];
}

/** The machine against itself without its last function, as what is said of another kernel. */
function differenceOutputs(
  machine: Machine,
  screen: { readonly width: number; readonly color: boolean },
): readonly Output[] {
  const none = { providers: [], clients: [] };
  const before = decideAll(machine, none);
  const after = decideAll({ ...machine, functions: machine.functions.slice(0, -1) }, none);
  const view = {
    difference: compareMachines(before.topology, after.topology, [before.machine, after.machine]),
    verdicts: compareVerdicts(before, after),
    before: before.topology,
    after: after.topology,
  };
  return [
    ["diff", documentText(differenceBlocks(view), screen)],
    ["diff --markdown", documentMarkdown(differenceBlocks(view))],
    ["diff --json", printableJson(diffJson(before, after, view), 1)],
  ];
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: our own colours are what this looks for
const COLORS = /\u001b\[\d+m/g;

/** What is wrong with an output as a terminal would take it; nothing where it is clean. */
export function unseenIn([name, text]: Output): string | null {
  const shown = name.endsWith("in colour") ? text.replaceAll(COLORS, "") : text;
  for (const line of shown.split("\n")) {
    if (hasUnseen(line)) return `${name}: ${JSON.stringify(line)}`;
  }
  return null;
}
