import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { compareAll } from "../../src/advice/difference/compare-all.ts";
import { findNearest, nearestQuestions } from "../../src/advice/find-nearest.ts";
import { findProvider } from "../../src/advice/find-provider.ts";
import { advise } from "../../src/advice/fix/advise.ts";
import { verdictHistory } from "../../src/advice/history.ts";
import { askWhatIf } from "../../src/advice/what-if/what-if.ts";
import { withHost } from "../../src/answers/guest-pairing.ts";
import { readLspci } from "../../src/host/lspci/read-lspci.ts";
import type { Machine } from "../../src/host/machine.ts";
import { readScenario } from "../../src/host/scenario/scenario-machine.ts";
import { findDevice } from "../../src/host/select.ts";
import { differenceBlocks, diffJson } from "../../src/report/difference.ts";
import type { Block } from "../../src/report/document.ts";
import { documentMarkdown } from "../../src/report/document-markdown.ts";
import { documentText } from "../../src/report/document-text.ts";
import { explainBlocks, explainText } from "../../src/report/explain-text.ts";
import { findBlocks, findJson } from "../../src/report/find.ts";
import { fixBlocks } from "../../src/report/fix/blocks.ts";
import { fixJson } from "../../src/report/fix/json.ts";
import { historyBlocks, historyJson } from "../../src/report/history.ts";
import { explainJson, treeJson } from "../../src/report/json.ts";
import { machineReport } from "../../src/report/machine-report.ts";
import { matrixJson } from "../../src/report/matrix-json.ts";
import { matrixText } from "../../src/report/matrix-text.ts";
import { nearestBlocks, nearestText } from "../../src/report/nearest.ts";
import { nearestJson } from "../../src/report/nearest-json.ts";
import { OUTPUT_SCHEMAS } from "../../src/report/schemas.ts";
import { matrixBlocks, treeBlocks } from "../../src/report/screen-markdown.ts";
import { treeText } from "../../src/report/tree-text.ts";
import { whatIfBlocks, whatIfJson, whatIfView } from "../../src/report/what-if.ts";
import { PeerRoutes } from "../../src/routes/peer-routes.ts";
import { expectedIommuGroups } from "../../src/rules/iommu-groups.ts";
import { decideAll } from "../../src/rules/verdict-table.ts";
import { readCapturedMachine } from "../machines/captures.ts";

const mixed = readCapturedMachine("mixed-acs.intel.strict");
const chained = readCapturedMachine("chained-ports.intel.strict");
const zen = readCapturedMachine("two-host-bridges.amd-zen.passthrough");

function bdfOf(machine: Machine, name: string): number & Machine["functions"][number]["bdf"] {
  const fn = machine.functions.find(({ names }) => names.includes(name));
  if (fn === undefined) throw new Error(`no ${name}`);
  return fn.bdf;
}

/** Draws blocks in every form that people get. */
function drawn(blocks: readonly Block[]): string {
  const screen = documentText(blocks, { width: 100, color: false });
  for (const line of screen.split("\n")) {
    // Lines to be copied are given whole; all others keep to the screen.
    if (!line.startsWith("      ")) expect(line.length).toBeLessThanOrEqual(100);
  }
  return `${screen}\n=== as Markdown ===\n${documentMarkdown(blocks)}`;
}

function jsonOf(name: keyof typeof OUTPUT_SCHEMAS, output: object): string {
  const json: unknown = JSON.parse(JSON.stringify(output));
  OUTPUT_SCHEMAS[name].parse(json);
  return `${JSON.stringify(json, null, 1)}\n`;
}

const folder = "__snapshots__/outputs";

describe("fix", () => {
  const cases: readonly [string, Machine, string, string][] = [
    ["one-port", mixed, "nvme0", "nvme1"],
    ["several-ports", chained, "nvme4", "nvme0"],
    ["nothing-helps", mixed, "nvme0", "nvme2"],
    ["nothing-to-fix", mixed, "nvme2", "nvme3"],
    ["through-the-host-bridge", zen, "nvme0", "nvme1"],
  ];

  test.each(cases)("%s", async (name, machine, provider, client) => {
    const advice = advise(machine, [{ provider: bdfOf(machine, provider), client: bdfOf(machine, client) }]);
    await expect(drawn(fixBlocks(advice))).toMatchFileSnapshot(`${folder}/fix.${name}.txt`);
    await expect(jsonOf("fix", fixJson(advice))).toMatchFileSnapshot(`${folder}/fix.${name}.json`);
  });

  test("all pairs of two classes at once", async () => {
    const nvmes = decideAll(chained).providers;
    const pairs = nvmes.flatMap((provider) =>
      nvmes.filter((client) => client !== provider).map((client) => ({ provider, client })),
    );
    const advice = advise(chained, pairs);
    await expect(drawn(fixBlocks(advice))).toMatchFileSnapshot(`${folder}/fix.all.txt`);
    jsonOf("fix", fixJson(advice));
  });
});

test("a guest with its host, stated and not: matrix, explain and fix", async () => {
  const [guest, host] = ["guest", "host"].map((name) =>
    readLspci(readFileSync(new URL(`../../examples/guest/${name}.txt`, import.meta.url)), `${name}.txt`),
  );
  if (guest === undefined || host === undefined) throw new Error("two texts are two machines");
  const [gpu, nic] = [findDevice(guest, "gpu"), findDevice(guest, "nic")];
  const shown = [[], ["01:00.0=21:00.0"]].map((stated) => {
    const machine = withHost(guest, host, stated);
    const table = decideAll(machine, { providers: [gpu], clients: [gpu, nic] });
    const screen = { width: 100, color: false };
    const notes = machine.notes.map(({ message, remedy = "" }) => `note: ${message} → ${remedy}`);
    const both = decideAll(machine, { providers: [gpu, nic], clients: [gpu, nic] });
    const json = explainJson(both, gpu, nic, new PeerRoutes(both));
    return [
      `=== --pair ${stated.join(" ")}`,
      ...notes,
      matrixText(table, screen),
      explainText(both, gpu, nic, screen),
      drawn(fixBlocks(advise(machine, [{ provider: gpu, client: nic }]))),
      jsonOf("explain", { ...json, notes: [] }),
    ].join("\n");
  });
  await expect(shown.join("\n")).toMatchFileSnapshot(`${folder}/on-host.txt`);
});

describe("what if", () => {
  const requests = {
    parameter: { append: "pci=disable_acs_redir=0000:00:04.0" },
    kernel: { kernel: "6.12", iommu: "passthrough" },
    register: { set: ["00:04.0.acs=-RR-CR"] },
    move: { move: ["01:00.0=under:00:05.0", "02:00.0=under:00:04.0"] },
  };

  test.each(Object.entries(requests))("%s", async (name, request) => {
    const { before, after, changes } = askWhatIf(mixed, request);
    const table = decideAll(after);
    const view = whatIfView(changes, decideAll(before), table);
    if (view === undefined) throw new Error("nothing was asked");
    const input = { table, expectedGroups: expectedIommuGroups(after, table.topology) };
    const screen = { width: 100, color: false };
    const text = [matrixText(table, screen, view), treeText(input, screen, view), drawn(whatIfBlocks(view))].join("\n");
    await expect(text).toMatchFileSnapshot(`${folder}/what-if.${name}.txt`);
    await expect(`${JSON.stringify(whatIfJson(view), null, 1)}\n`).toMatchFileSnapshot(
      `${folder}/what-if.${name}.json`,
    );
  });
});

describe("find", () => {
  const example = readFileSync("examples/gpu-nic-server.yaml", "utf8");
  const asked = askWhatIf(
    readScenario(example, "gpu-nic-server.yaml"),
    { append: "pci=disable_acs_redir=pci:1000:c030" },
    false,
  );
  const server = asked.before;
  const search = (machine: Machine, words: readonly string[]) => findNearest(machine, nearestQuestions(machine, words));

  test("of a server, in columns and as sentences, with a what-if and as Markdown", async () => {
    const [all, one, before] = [search(server, []), search(server, ["gpu0"]), search(server, ["gpu:nic"])];
    const changed = search(asked.after, ["gpu:nic"]);
    const shown = [
      nearestText(all, { width: 100, color: false }),
      nearestText(all, { width: 60, color: false }),
      nearestText(one, { width: 80, color: false }),
      nearestText(search(server, ["gpu:gpu"]), { width: 80, color: false }),
      nearestText(search(server, ["nic:nvme"]), { width: 80, color: false }),
      nearestText(changed, { width: 80, color: false }, before),
      documentMarkdown(nearestBlocks(changed, before)),
    ];
    await expect(shown.join("\n")).toMatchFileSnapshot(`${folder}/nearest.txt`);
    await expect(jsonOf("nearest", nearestJson(changed, before))).toMatchFileSnapshot(`${folder}/nearest.json`);
  });
});

test("find --p2pmem", async () => {
  const search = findProvider(mixed, [bdfOf(mixed, "nvme0"), bdfOf(mixed, "nvme1")]);
  await expect(drawn(findBlocks(search))).toMatchFileSnapshot(`${folder}/find.txt`);
  await expect(jsonOf("find", findJson(search))).toMatchFileSnapshot(`${folder}/find.json`);
});

test("explain --history", async () => {
  const [provider, client] = [bdfOf(zen, "nvme0"), bdfOf(zen, "nvme1")];
  const table = decideAll(zen, { providers: [provider], clients: [client] });
  const entries = verdictHistory(zen, provider, client);
  await expect(drawn(historyBlocks(table, entries))).toMatchFileSnapshot(`${folder}/history.txt`);
  await expect(jsonOf("history", historyJson(table, entries))).toMatchFileSnapshot(`${folder}/history.json`);
});

test("diff", async () => {
  const { before, after, difference, verdicts, answers } = compareAll([
    mixed,
    readCapturedMachine("mixed-acs.amd-zen.off"),
  ]);
  const view = { difference, verdicts, answers, before: before.topology, after: after.topology };
  await expect(drawn(differenceBlocks(view))).toMatchFileSnapshot(`${folder}/diff.txt`);
  await expect(jsonOf("diff", diffJson(before, after, view))).toMatchFileSnapshot(`${folder}/diff.json`);
});

test("matrix, tree and explain as Markdown, and the report", async () => {
  const table = decideAll(mixed);
  const input = { table, expectedGroups: expectedIommuGroups(mixed, table.topology) };
  const blocks = [
    ...matrixBlocks(table, undefined, new PeerRoutes(table)),
    ...treeBlocks(input),
    ...explainBlocks(table, bdfOf(mixed, "nvme0"), bdfOf(mixed, "nvme1"), new PeerRoutes(table)),
  ];
  await expect(documentMarkdown(blocks)).toMatchFileSnapshot(`${folder}/screens.md`);
  await expect(machineReport(input, "peerlane, for a test", new PeerRoutes(table))).toMatchFileSnapshot(
    `${folder}/report.md`,
  );
});

test("matrix, tree and explain as JSON", async () => {
  const table = decideAll(mixed);
  const input = { table, expectedGroups: expectedIommuGroups(mixed, table.topology) };
  await expect(jsonOf("matrix", matrixJson(input, new PeerRoutes(table)))).toMatchFileSnapshot(`${folder}/matrix.json`);
  await expect(jsonOf("tree", treeJson(input))).toMatchFileSnapshot(`${folder}/tree.json`);
  const pair = explainJson(table, bdfOf(mixed, "nvme0"), bdfOf(mixed, "nvme1"), new PeerRoutes(table));
  await expect(jsonOf("explain", pair)).toMatchFileSnapshot(`${folder}/explain.json`);
});
