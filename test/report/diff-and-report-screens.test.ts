import { describe, expect, test } from "vitest";
import { compareAll } from "../../src/advice/difference/compare-all.ts";
import { askWhatIf } from "../../src/advice/what-if/what-if.ts";
import { selectDevices } from "../../src/host/select.ts";
import { differenceBlocks } from "../../src/report/difference.ts";
import { documentText } from "../../src/report/document-text.ts";
import { machineReport } from "../../src/report/machine-report.ts";
import { askedBlocks } from "../../src/report/what-if.ts";
import { PeerRoutes } from "../../src/routes/peer-routes.ts";
import { expectedIommuGroups } from "../../src/rules/iommu-groups.ts";
import { decideAll } from "../../src/rules/verdict-table.ts";
import { FIVE_MACHINES, machineOf, WIDTHS } from "./five-machines.ts";

/** What is asked of each of the five machines, and what of that stands in the first lines. */
const ASKED = (
  [
    [
      "a server with eight GPUs",
      { append: "pci=disable_acs_redir=pci:1000:c030" },
      "worse: isolation of 24 pairs; better: 32 pairs",
    ],
    ["a server with sixteen GPUs", { iommu: "strict" }, "worse: 368 pairs"],
    ["a server with 24 SSDs", { kernel: "7.3", iommu: "passthrough" }, "no answer got worse; better: 2 pairs"],
    ["a desktop", { iommu: "off" }, "worse: 11 changes of IOMMU groups"],
    ["a guest", { cpu: "intel" }, "no difference"],
  ] as const
).map(([name, asked, answer]) => [name, FIVE_MACHINES[name], asked, answer] as const);

describe.each(ASKED)("diff of %s with itself as it would be", (_, file, asked, answer) => {
  const machine = machineOf(file);
  const { before, after, changes } = askWhatIf(machine, asked);
  const { difference, verdicts, answers, ...tables } = compareAll([before, after], undefined, {}, before);
  const view = { difference, verdicts, answers, before: tables.before.topology, after: tables.after.topology };
  const screen = (width: number): string =>
    documentText([...askedBlocks(changes), ...differenceBlocks(view)], { width, color: false });

  test.each(WIDTHS)("in %i columns", (width) => {
    const text = screen(width);
    for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(width);
    expect(text).toMatchSnapshot();
  });

  test.each(WIDTHS)("says in its first lines of %i columns whether an answer got worse", (width) => {
    expect(screen(width).split("\n").slice(0, 12).join(" ")).toContain(answer);
  });
});

test("diff of two servers tells devices that only one has in a line, by name", () => {
  const machines = [
    machineOf(FIVE_MACHINES["a server with eight GPUs"]),
    machineOf(FIVE_MACHINES["a server with sixteen GPUs"]),
  ] as const;
  const { difference, verdicts, answers, before, after } = compareAll(machines);
  const view = { difference, verdicts, answers, before: before.topology, after: after.topology };
  const lines = documentText(differenceBlocks(view), { width: 1000, color: false }).split("\n");
  expect(lines.filter((line) => /^ *(?:added|removed)/.test(line))).toEqual([
    "  added: 31 functions: gpu2 gpu6 gpu9–11 gpu13–15, and 23 functions without a name",
    "  removed: 8 functions: nvme0 nvme1, and 6 functions without a name",
  ]);
});

describe.each(Object.entries(FIVE_MACHINES))("The report of %s", (_, file) => {
  const machine = machineOf(file);
  const table = decideAll(machine, selectDevices(machine, { all: false }));
  const input = { table, expectedGroups: expectedIommuGroups(machine, table.topology) };
  const text = String(machineReport(input, "peerlane", new PeerRoutes(table)));

  test("as it is pasted into an issue", () => {
    expect(text).toMatchSnapshot();
  });

  test("says in its first lines how many pairs are what, and who stands together", () => {
    const first = text.split("\n").slice(0, 12).join("\n");
    expect(first).toMatch(/^\*\*of \d+ pairs?: \d+ direct(?:, \d+ [^*]+)*\*\*$/m);
  });

  test("leaves no line cut and no block of code open", () => {
    expect(text).not.toContain("…\n");
    expect((text.match(/^```/gm) ?? []).length % 2).toBe(0);
  });
});
