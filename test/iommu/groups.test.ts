import { describe, expect, test } from "vitest";
import type { IommuKind, IommuMode, Machine } from "../../src/host/machine.ts";
import { readScenario } from "../../src/host/scenario/scenario-machine.ts";
import { groupMode, groupsOf, modeOf } from "../../src/iommu/groups.ts";
import { formatBdf } from "../../src/pci/bdf.ts";
import { type Known, unknown } from "../../src/pci/known.ts";

const base = readScenario(
  `kernel: 7.2
cpu: intel
iommu: strict
hostBridges:
  - below:
      - rootPort: { at: 04.0 }
        below: [functions: [nvme, nvme]]
      - rootPort: { at: 05.0 }
        below: [nvme]
`,
  "groups.yaml",
);

/** The machine whose functions have groups as the list says, in their order; the rest are in none. */
function grouped(groups: readonly Known<number | null>[]): Machine {
  return { ...base, functions: base.functions.map((fn, index) => ({ ...fn, iommuGroup: groups[index] ?? null })) };
}

const groupNumbers = (machine: Machine) => [...groupsOf(machine)].map(([bdf, group]) => [formatBdf(bdf), group]);
/** Which functions are together, whatever the number. */
const membersOf = (groups: readonly (readonly (string | number | undefined)[])[]) =>
  [...new Set(groups.map(([, group]) => group))].map((one) =>
    groups.filter(([, group]) => group === one).map(([name]) => name),
  );
const names = base.functions.map(({ bdf }) => formatBdf(bdf));
const hidden = unknown("no source");

describe("groups of functions", () => {
  test("are those that the source shows, functions of no group left out", () => {
    expect(groupNumbers(grouped([7, null, 9]))).toEqual([
      [names[0], 7],
      [names[2], 9],
    ]);
  });

  test("are those that the kernel would form where one of them is hidden, with the numbers that are shown", () => {
    const expected = groupNumbers(grouped([]));
    expect(expected.length).toBe(names.length);
    const partly = groupNumbers(grouped([7, hidden, 9]));
    expect(partly[0]).toEqual([names[0], 7]);
    expect(membersOf(partly)).toEqual(membersOf(expected));
    expect(groupNumbers(grouped([hidden]))).toEqual(expected);
  });

  test("are formed for a machine without an IOMMU too, as if it had one", () => {
    const without: Machine = { ...grouped([]), iommu: { ...base.iommu, kind: "none", mode: "off" } };
    expect(groupNumbers(without)).toEqual(groupNumbers(grouped([])));
  });

  test("are refused with the way out where what decides is hidden", () => {
    const functions = base.functions.map((fn) => ({ ...fn, iommuGroup: hidden, acs: hidden, express: hidden }));
    expect(() => groupsOf({ ...base, functions })).toThrow(
      expect.objectContaining({
        code: "unsupported",
        message: expect.stringMatching(/^the IOMMU groups are hidden: ./),
        remedy: "name the groups in the options, or read the machine from a source that shows /sys/kernel/iommu_groups",
      }),
    );
  });

  test("what is no machine is refused by the function's name", () => {
    expect(() => groupsOf({} as Machine)).toThrow("groupsOf");
  });
});

describe("the mode of default domains", () => {
  const withIommu = (kind: Known<IommuKind>, mode: Known<IommuMode>): Machine => ({
    ...base,
    iommu: { ...base.iommu, kind, mode },
  });

  test.for([
    ["none", "strict", "off"],
    ["none", hidden, "off"],
    ["intel", "strict", "strict"],
    ["amd", "lazy", "lazy"],
    ["intel", "passthrough", "passthrough"],
    [hidden, "lazy", "lazy"],
  ] as const)("of the IOMMU %s in mode %s is %s", ([kind, mode, expected]) => {
    expect(modeOf(withIommu(kind, mode))).toBe(expected);
  });

  test.for(["intel", hidden] as const)("of the IOMMU %s is asked for where it is hidden", (kind) => {
    expect(() => modeOf(withIommu(kind, hidden))).toThrow(
      expect.objectContaining({
        code: "unsupported",
        message: "the mode of the IOMMU is hidden: no source",
        remedy: "name the mode in the options: off, passthrough, strict or lazy",
      }),
    );
  });
});

describe("the mode of one group's domain", () => {
  const withTypes = (groupTypes: Machine["iommu"]["groupTypes"]): Machine => ({
    ...base,
    iommu: { ...base.iommu, groupTypes },
  });

  test.for([
    ["identity", "passthrough"],
    ["DMA", "strict"],
    ["DMA-FQ", "lazy"],
    ["blocked", undefined],
    ["auto", undefined],
  ] as const)("of type %s is %s", ([type, expected]) => {
    expect(groupMode(withTypes(new Map([[3, type]])), 3)).toBe(expected);
    expect(groupMode(withTypes(new Map([[4, type]])), 3)).toBeUndefined();
  });

  test("is not told where the types are hidden", () => {
    expect(groupMode(withTypes(hidden), 3)).toBeUndefined();
  });
});
