import { describe, expect, test } from "vitest";
import { findNearest, nearestQuestions } from "../../src/advice/find-nearest.ts";
import { matrixDot } from "../../src/drawing/matrix-dot.ts";
import { matrixSvg } from "../../src/drawing/matrix-svg.ts";
import type { Machine } from "../../src/host/machine.ts";
import { findDevice, selectDevices } from "../../src/host/select.ts";
import type { PciFunction } from "../../src/pci/function.ts";
import { isUnknown } from "../../src/pci/known.ts";
import { checkText } from "../../src/report/check/text.ts";
import { differenceBlocks } from "../../src/report/difference.ts";
import { documentMarkdown } from "../../src/report/document-markdown.ts";
import { documentText } from "../../src/report/document-text.ts";
import { explainText } from "../../src/report/explain-text.ts";
import { matrixCsv } from "../../src/report/matrix-csv.ts";
import { matrixText } from "../../src/report/matrix-text.ts";
import { nearestText } from "../../src/report/nearest.ts";
import { nearestJson } from "../../src/report/nearest-json.ts";
import { matrixBlocks } from "../../src/report/screen-markdown.ts";
import { whatIfView } from "../../src/report/what-if.ts";
import { PeerRoutes } from "../../src/routes/peer-routes.ts";
import { decideAll, type VerdictTable } from "../../src/rules/verdict-table.ts";
import { bootScenario, check } from "../policy/machines.ts";

/** An AMD GPU, a NIC and two drives with memory below one switch that redirects nothing. */
function machine(iommu: string): Machine {
  return bootScenario(`
cpu: amd-zen
kernel: "7.2"
iommu: ${iommu}
hostBridges:
  - id: 1022:14a4
    below:
      - rootPort: { at: 01.0, id: 1022:14ab }
        below:
          - switch: { id: 1000:c030, portId: 1000:c030, acs: false }
            below:
              - gpu: { name: card0, id: 1002:74a1, bar: 64G, driver: amdgpu }
              - nic: { name: mlx5_0, id: 15b3:1021, bar: 1M, driver: mlx5_core }
              - nvme: { name: nvme0, id: 144d:a80a, cmb: 64M, driver: nvme }
              - nvme: { name: nvme1, id: 144d:a80a, driver: nvme }
`);
}

const screen = { width: 200, color: false };

function matrixOf(of: Machine): string {
  return matrixText(decideAll(of, selectDevices(of, { all: false })), screen);
}

function explained(of: Machine, ...[a, b]: readonly [string, string]): string {
  const pair = [findDevice(of, a), findDevice(of, b)] as const;
  const table = decideAll(of, { providers: pair, clients: pair });
  return explainText(table, ...pair, screen, new PeerRoutes(table));
}

/** The same as `of` with a switch that redirects, and a parameter that ends it. */
function whatIf(of: Machine): [before: VerdictTable, after: VerdictTable] {
  const redirecting = { ...of, functions: of.functions.map(redirectingPort) };
  const tables = [redirecting, of].map((machine) => decideAll(machine, selectDevices(machine, { all: false })));
  return tables as [VerdictTable, VerdictTable];
}

function redirectingPort(fn: PciFunction): PciFunction {
  const isPort = fn.bridge !== null && !isUnknown(fn.express) && fn.express?.type === "downstream-port";
  return isPort ? { ...fn, acs: { capability: 0x1d, control: 0x1d } } : fn;
}

function differing(of: Machine): string {
  const [before, after] = whatIf(of);
  const view = whatIfView([{ kind: "iommu", mode: "off" } as never], before, after);
  return view === undefined ? "" : documentText(differenceBlocks(view), screen);
}

function hinted(of: Machine): string {
  const [{ machine: redirecting }] = whatIf(of);
  return explained(redirecting, "card0", "mlx5_0");
}

const tableOf = (of: Machine): VerdictTable => decideAll(of, selectDevices(of, { all: false }));
const rowOf = (text: string, pattern: RegExp): string => text.split("\n").find((line) => pattern.test(line)) ?? "";

function searched(of: Machine, question: string): ReturnType<typeof findNearest> {
  return findNearest(of, nearestQuestions(of, [question]));
}

const policyOf = (provider: string, client: string, path: string): string =>
  `policy: p\nrequire:\n  - { provider: ${provider}, client: ${client}, path: ${path} }\n`;

function checked(of: Machine, policy: string): string {
  return checkText(check(of, policy), screen);
}

describe("Pairs that are direct by the verdict alone are said to be so by", () => {
  test.each<[screen: string, of: (machine: Machine) => string, translated: string, untranslated: string]>([
    [
      "the first line of matrix",
      matrixOf,
      "6 direct (1 of them by the verdict alone: the requests go up to the root complex)",
      "6 direct\n",
    ],
    ["its places", matrixOf, "1 direct by the verdict alone, 5 direct", "card0 mlx5_0 nvme0 nvme1  direct"],
    ["the grid's cells", (of) => rowOf(matrixOf(of), /^card0/), "4^", " 4"],
    ["the grid's legend", matrixOf, "^: direct by the verdict alone", "cells are hops, plain: direct · with H"],
    [
      "its Markdown",
      (of) => documentMarkdown(matrixBlocks(tableOf(of))),
      "direct by the verdict alone (4)",
      "direct (4)",
    ],
    ["its CSV", (of) => rowOf(matrixCsv(tableOf(of)), /card0,GPU,[^,]*,mlx5_0/), ",direct,yes,", ",direct,no,"],
    ["its picture", (of) => matrixSvg(tableOf(of)), ">4^<", ">4<"],
    ["its graph", (of) => matrixDot(tableOf(of)), "1 direct by the verdict alone, 5 direct", "\\ndirect"],
    ["a difference", differing, "→ direct by the verdict alone, 4 hops", "→ direct, 4 hops"],
    ["explain's hint", hinted, "the path would be direct by the verdict alone", "the path would be direct"],
    [
      "explain",
      (of) => explained(of, "card0", "mlx5_0"),
      "direct (bus-addr), distance 4, by the verdict alone: the requests go up to the root complex",
      "direct (bus-addr), distance 4\n",
    ],
    [
      "its hardware",
      (of) => explained(of, "card0", "mlx5_0"),
      "into card0: writes and reads: works. The root complex",
      "hardware  writes and reads: works. A switch",
    ],
    ["find", (of) => nearestText(searched(of, "gpu:nic"), screen), "direct by the verdict alone, 4 hops", "direct, 4"],
    ["its JSON", (of) => JSON.stringify(nearestJson(searched(of, "gpu:nic"))), '"goesUp":true', '"goesUp":false'],
    [
      "check",
      (of) => checked(of, policyOf("gpu", "nic", "direct")),
      "card0 → mlx5_0: direct by the verdict alone",
      "✓",
    ],
  ])("%s", (_name, of, translated, untranslated) => {
    expect(of(machine("strict"))).toContain(translated);
    const without = of(machine("passthrough"));
    expect(without).toContain(untranslated);
    expect(without).not.toContain("verdict alone");
  });

  test("and no other: drives whose driver takes the bus address, rules that want a path of any kind", () => {
    const of = machine("strict");
    const screens = [
      explained(of, "nvme0", "nvme1"),
      nearestText(searched(of, "nvme0:nvme1"), screen),
      checked(of, policyOf("nvme", "nvme", "direct")),
      checked(of, policyOf("gpu", "nic", "supported")),
    ];
    for (const text of screens) expect(text).not.toContain("verdict alone");
  });
});
