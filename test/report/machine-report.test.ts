import { describe, expect, it, test } from "vitest";
import { askWhatIf } from "../../src/advice/what-if/what-if.ts";
import type { Machine } from "../../src/host/machine.ts";
import { readScenario } from "../../src/host/scenario/scenario-machine.ts";
import { selectDevices } from "../../src/host/select.ts";
import { machineReport } from "../../src/report/machine-report.ts";
import { whatIfView } from "../../src/report/what-if.ts";
import { PeerRoutes } from "../../src/routes/peer-routes.ts";
import { afterBoot } from "../../src/rules/boot-acs.ts";
import { expectedIommuGroups } from "../../src/rules/iommu-groups.ts";
import { decideAll, type VerdictTable } from "../../src/rules/verdict-table.ts";

/** Four switches with eight GPUs each, as many ports that redirect: 56 redirected pairs below each. */
const gpus = (first: number): string =>
  Array.from({ length: 8 }, (_, index) => `              - gpu: { name: gpu${first + index}, bar: 1G }\n`).join("");
const switches = [0, 1, 2, 3].map(
  (index) => `      - rootPort: { at: 0${index + 1}.0, id: 8086:352a }
        below:
          - switch: { id: 1000:c030, portId: 1000:c030 }
            below:
${gpus(8 * index)}`,
);
const four = afterBoot(
  readScenario(
    `cpu: { vendor: GenuineIntel, family: 6, model: 143 }
kernel: "7.2"
iommu: passthrough
hostBridges:
  - id: 8086:09a2
    below:
${switches.join("")}`,
    "four-switches.yaml",
  ),
);

const tableOf = (machine: Machine): VerdictTable => decideAll(machine, selectDevices(machine, { all: false }));

function reportOf(machine: Machine): string {
  const table = tableOf(machine);
  const input = { table, expectedGroups: expectedIommuGroups(machine, table.topology) };
  return machineReport(input, "a test", new PeerRoutes(table));
}

const redirectedOf = (table: VerdictTable): number =>
  table.providers.flatMap((provider, i) =>
    table.clients.flatMap((client, j) => (provider !== client && table.redirected(i, j) ? [0] : [])),
  ).length;

describe("A report on a machine with 224 redirected pairs", () => {
  const text = reportOf(four);

  it("is about all of them", () => {
    expect(redirectedOf(tableOf(four))).toBe(224);
    expect(text).toContain("What would help, for the 224 pairs that ACS redirects");
    expect(text).toContain("### all 224 pairs become direct");
  });

  it("proposes a parameter after which none is redirected", () => {
    const [, parameter = ""] = /^### 1\. `(pci=[^`]+)`$/m.exec(text) ?? [];
    expect(parameter).toBe("pci=disable_acs_redir=pci:1000:c030");
    expect(redirectedOf(tableOf(askWhatIf(four, { append: parameter }).after))).toBe(0);
  });

  it("says first how many pairs are what, as text and not as code", () => {
    const [before = ""] = text.split("```");
    expect(before).toMatch(/^\*\*of 992 pairs: 0 direct, 992 through the host bridge \(these work, slower\)\*\*$/m);
    expect(before).toMatch(/^- \*\*switch 01:00\.0\*\*: gpu0–7: through the host bridge$/m);
  });

  it("has the command line as code", () => {
    expect(text).toMatch(/^`intel_iommu=on iommu.passthrough=1`$/m);
  });
});

test("A report on a source that may leave functions out has every port by address in its commands", () => {
  const listed: Machine = { ...four, source: { ...four.source, format: "lspci" } };
  const text = reportOf(listed);
  const [, parameter = ""] = /\\"(pci=disable_acs_redir=[^"\\]+)\\"/.exec(text) ?? [];
  expect(parameter.split(";")).toHaveLength(32);
  expect(redirectedOf(tableOf(askWhatIf(listed, { append: parameter }).after))).toBe(0);
});

test("A report of a machine as it would be marks the pairs that differ from the machine as it is", () => {
  const { before, after, changes } = askWhatIf(four, { append: "pci=disable_acs_redir=pci:1000:c030" });
  const [was, table] = [tableOf(before), tableOf(after)];
  const input = { table, expectedGroups: expectedIommuGroups(after, table.topology) };
  const text = machineReport(input, "a test", new PeerRoutes(table), changes, whatIfView(changes, was, table));
  expect(text).toContain("What if: kernel parameters");
  expect(text.match(/(?<= )4\*/g)).toHaveLength(224);
  expect(text).toMatch(/\*: differs\s+from the machine as it is/);
  expect(text).not.toContain("What would help");
});
