import { expect, test } from "vitest";
import { readScenario } from "../../src/host/scenario/scenario-machine.ts";
import type { PciFunction } from "../../src/pci/function.ts";
import { unknown } from "../../src/pci/known.ts";
import { treeText } from "../../src/report/tree-text.ts";
import { expectedIommuGroups } from "../../src/rules/iommu-groups.ts";
import { decideAll } from "../../src/rules/verdict-table.ts";

const NIC = `scenario: virtual functions
hostBridges:
  - below:
      - rootPort: { at: "01.0" }
        below: [nic: { name: mlx5_0, sriov: { total: 16, vfs: 16 } }]
`;

/** The tree of a NIC with 16 virtual functions, each changed by its number. */
function tree(
  change: (index: number) => Partial<PciFunction>,
  detail?: { all: boolean },
  width = 200,
): readonly string[] {
  const machine = readScenario(NIC, "vfs.yaml");
  let count = 0;
  const functions = machine.functions.map((fn) => (fn.physicalFunction === null ? fn : { ...fn, ...change(count++) }));
  const table = decideAll({ ...machine, functions });
  const input = { table, expectedGroups: expectedIommuGroups(table.machine, table.topology) };
  return treeText(input, { width, color: false }, undefined, detail)
    .split("\n")
    .filter((line) => line.includes("01:0"));
}

test.for<readonly [string, (index: number) => Partial<PciFunction>, string]>([
  ["none bound", () => ({ driver: null }), ", none bound"],
  ["all bound to one", () => ({ driver: "vfio-pci" }), ", all bound to vfio-pci"],
  [
    "some bound",
    (index) => ({ driver: index < 4 ? "mlx5_core" : null, names: index < 4 ? [`mlx5_${index + 2}`] : [] }),
    ", mlx5_2–5, 4 bound to mlx5_core, 12 not bound",
  ],
  ["drivers hidden", () => ({ driver: unknown("not shown") }), ""],
  ["groups", (index) => ({ driver: null, iommuGroup: 40 + index }), ", none bound, groups 40–55"],
  ["one group", () => ({ driver: null, iommuGroup: 7 }), ", none bound, all in group 7"],
])("Virtual functions are one line: %s", ([, change, rest]) => {
  const [physical, virtual, ...others] = tree(change);
  expect(others).toEqual([]);
  expect(physical).toContain("01:00.0");
  expect(virtual?.trim()).toBe(`└─16 virtual functions of 01:00.0: 01:00.1–01:02.0${rest}`);
});

test("Each has a line of its own where all are asked for, or it has peer memory", () => {
  expect(tree(() => ({}), { all: true })).toHaveLength(17);
  const p2pmem = { sizeBytes: 2 ** 20, availableBytes: 2 ** 20, published: true };
  const lines = tree((index) => (index === 3 ? { driver: null, p2pmem } : { driver: null }));
  expect(lines).toHaveLength(3);
  expect(lines[1]).toContain("15 virtual functions of 01:00.0: 01:00.1–01:02.0 (not all between), none bound");
  expect(lines[2]).toMatch(/01:00\.4 .* 1 MiB/);
});
