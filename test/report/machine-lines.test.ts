import { expect, test } from "vitest";
import { readLspci } from "../../src/host/lspci/read-lspci.ts";
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
