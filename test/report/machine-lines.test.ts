import { expect, test } from "vitest";
import { readLspci } from "../../src/host/lspci/read-lspci.ts";
import { readScenario } from "../../src/host/scenario/scenario-machine.ts";
import { machineLines } from "../../src/report/facts.ts";
import { decideAll } from "../../src/rules/verdict-table.ts";

const ZEN = `00:00.0 Host bridge [0600]: Advanced Micro Devices, Inc. [AMD] Genoa/Bergamo Root Complex [1022:14a4] (rev 01)
00:18.0 Host bridge [0600]: Advanced Micro Devices, Inc. [AMD] Genoa/Bergamo Data Fabric; Function 0 [1022:14ad]
`;

test("kernel, make and IOMMU stand in front, and what the make was inferred from on a line of its own", () => {
  const table = decideAll(readLspci(new TextEncoder().encode(ZEN), "server.txt"));
  expect(machineLines(table.machine, table.rules, 120)).toEqual([
    "server.txt · CPU AMD Zen, inferred · IOMMU unknown",
    expect.stringMatching(/^CPU AMD Zen, inferred: 0000:00:\d\d\.0 is 1022:14a[4d], /),
    "kernel not named: what holds on 5.10 and newer",
  ]);
});

test("at 80 columns facts that do not fit stand on lines of their own, and none is cut", () => {
  const machine = readScenario(
    "scenario: a\ncpu: intel\nkernel: 7.2\niommu: strict\nhostBridges: [{ below: [nvme: { name: nvme0 }] }]",
    "server.yaml",
  );
  const named = {
    ...machine,
    cpu: { ...machine.cpu, name: "Intel(R) Xeon(R) Platinum 8480+ Processor of a Long Name", family: 6, model: 143 },
    kernel: { ...machine.kernel, release: "7.2.0-1234-azure-nvidia-64k" },
  };
  const table = decideAll(named);
  const facts = machineLines(named, table.rules, 400).join(" · ").split(" · ");
  for (const width of [80, 60, 40]) {
    const lines = machineLines(named, table.rules, width);
    expect(lines.every((line) => line.length <= width)).toBe(true);
    expect(lines.join(" ").replaceAll(" · ", " ")).toBe(facts.join(" "));
    expect(lines.at(-1)).toContain("IOMMU intel strict");
  }
});
