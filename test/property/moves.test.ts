import fc from "fast-check";
import { expect, test } from "vitest";
import { applyChanges } from "../../src/advice/what-if/apply.ts";
import type { Change } from "../../src/advice/what-if/change.ts";
import type { Machine } from "../../src/host/machine.ts";
import { topologyOf } from "../../src/host/machine.ts";
import { type Bdf, formatBdf, makeBdf } from "../../src/pci/bdf.ts";
import { PeerlaneError } from "../../src/pci/error.ts";
import type { PciFunction } from "../../src/pci/function.ts";
import { isUnknown } from "../../src/pci/known.ts";
import { expectedIommuGroups } from "../../src/rules/iommu-groups.ts";
import { decideAll } from "../../src/rules/verdict-table.ts";
import { expectSame } from "../expect-same.ts";
import { randomMachine } from "./random-machine.ts";
import { renumber } from "./renumber.ts";

/** A random machine in which some cards have a second function, as a GPU has its audio. */
const machines: fc.Arbitrary<Machine> = fc.tuple(randomMachine, fc.nat()).map(([machine, seed]) => {
  const functions = machine.functions.flatMap((fn, index): readonly PciFunction[] => {
    const isCard = fn.headerType === 0 && fn.classCode !== 0x060000 && (seed >>> (index % 16)) % 2 === 1;
    if (!isCard) return [fn];
    return [
      { ...fn, multifunction: true },
      { ...fn, bdf: (fn.bdf + 1) as Bdf, multifunction: true, classCode: 0x040300 },
    ];
  });
  const iommu = { kind: "intel", mode: "strict", groupTypes: new Map() } as const;
  return { ...machine, functions, iommu };
});

const movedMachines = fc
  .tuple(machines, fc.array(fc.tuple(fc.nat(), fc.nat()), { minLength: 1, maxLength: 3 }))
  .map(([machine, numbers]) => {
    const of = (number: number): Bdf =>
      machine.functions[number % machine.functions.length]?.bdf ?? makeBdf(0, 0, 0, 0);
    const bridges = machine.functions.filter((fn) => fn.bridge !== null);
    return numbers.reduce((moved: Machine, [device, port]): Machine => {
      const under = bridges[port % Math.max(bridges.length, 1)]?.bdf;
      if (under === undefined) return moved;
      const change: Change = { kind: "move", device: of(device), under };
      try {
        return applyChanges(moved, [change]);
      } catch (error) {
        if (error instanceof PeerlaneError && error.code === "usage") return moved;
        throw error;
      }
    }, machine);
  });

/** The groups as sets of the names that functions had before. */
function groupsByName(machine: Machine, nameOf: (bdf: Bdf) => Bdf): string {
  const groups = expectedIommuGroups(machine, topologyOf(machine));
  if (isUnknown(groups)) return groups.unknown;
  const members = new Map<number, Bdf[]>();
  for (const [bdf, group] of groups) members.set(group, [...(members.get(group) ?? []), nameOf(bdf)]);
  const sets = [...members.values()];
  return sets
    .map((bdfs) =>
      bdfs
        .sort((a, b) => a - b)
        .map(formatBdf)
        .join(" "),
    )
    .sort()
    .join(" / ");
}

test("a machine after moves is, but for its addresses, the one that firmware would number so", () => {
  let moved = 0;
  fc.assert(
    fc.property(movedMachines, (machine) => {
      const { machine: written, oldNames } = renumber(machine);
      const nameOf = (bdf: Bdf): Bdf => oldNames.get(bdf) ?? bdf;
      const changed = written.functions.filter(({ bdf }) => nameOf(bdf) !== bdf).length;
      if (changed > 0) moved++;
      expectSame(
        groupsByName(machine, (bdf) => bdf),
        groupsByName(written, nameOf),
      );
      const everyone = machine.functions.map(({ bdf }) => bdf);
      const table = decideAll(machine, { providers: everyone, clients: everyone });
      const renamed = [...oldNames].sort(([, a], [, b]) => a - b).map(([bdf]) => bdf);
      const again = decideAll(written, { providers: renamed, clients: renamed });
      everyone.forEach((_, i) => {
        everyone.forEach((_other, j) => {
          expectSame(`${again.mapType(i, j)} ${again.hops(i, j)}`, `${table.mapType(i, j)} ${table.hops(i, j)}`);
        });
      });
    }),
    { numRuns: 400 },
  );
  expect(moved).toBeGreaterThan(100);
});
