import type { Machine } from "../../src/host/machine.ts";
import { topologyOf } from "../../src/host/machine.ts";
import { type Bdf, formatBdf } from "../../src/pci/bdf.ts";
import { isUnknown } from "../../src/pci/known.ts";
import { expectedIommuGroups } from "../../src/rules/iommu-groups.ts";
import { decideAll } from "../../src/rules/verdict-table.ts";
import type { MeasuredPair } from "../../src/vm/measured.ts";

/** What the rules and the kernel said of one pair, and how they differ; empty where they agree. */
export interface PairComparison {
  readonly pair: string;
  readonly differences: readonly string[];
}

/** Holds the rules against the kernel's own answers: map type, hops, redirecting functions, and the I/O's outcome. */
export function comparePairs(machine: Machine, pairs: readonly MeasuredPair[]): PairComparison[] {
  const providers = unique(pairs.map((pair) => pair.provider));
  const clients = unique(pairs.map((pair) => pair.client));
  const table = decideAll(machine, { providers, clients });
  return pairs.map((pair) => {
    const i = providers.indexOf(pair.provider);
    const j = clients.indexOf(pair.client);
    const verdict = table.at(i, j);
    const differences: string[] = [];
    const hold = (what: string, rules: unknown, kernel: unknown): void => {
      if (String(rules) !== String(kernel))
        differences.push(`${what}: rules ${String(rules)}, kernel ${String(kernel)}`);
    };
    hold("map type", verdict.mapType, pair.mapType);
    hold("map type in the table", table.mapType(i, j), pair.mapType);
    hold("hops", verdict.hops, pair.hops);
    hold("hops in the table", table.hops(i, j), pair.hops);
    hold(
      "redirecting functions",
      verdict.acsRedirect.map(formatBdf).join(" "),
      pair.acsRedirect.map(formatBdf).join(" "),
    );
    const supported = pair.mapType !== "not-supported";
    hold("write", supported ? 4096 : -22, pair.write);
    hold("read", supported ? 4096 : -22, pair.read);
    return { pair: `${formatBdf(pair.provider)} → ${formatBdf(pair.client)}`, differences };
  });
}

function unique(bdfs: readonly Bdf[]): Bdf[] {
  return [...new Set(bdfs)];
}

/** Holds the expected IOMMU groups against the kernel's: the sets of functions, each as a sorted line. */
export function compareGroups(machine: Machine): { expected: string[]; real: string[] } {
  const expected = expectedIommuGroups(machine, topologyOf(machine));
  if (isUnknown(expected)) throw new Error(`the groups of a booted machine are unknown: ${expected.unknown}`);
  return { expected: asSets(expected), real: statedSets(machine) };
}

/** The IOMMU groups that a machine has, or that are predicted of one which is changed, each as a sorted line. */
export function groupSets(machine: Machine): string[] {
  if (machine.functions.some(({ iommuGroup }) => isUnknown(iommuGroup))) return compareGroups(machine).expected;
  return statedSets(machine);
}

function statedSets(machine: Machine): string[] {
  const groups = new Map<Bdf, number>();
  for (const fn of machine.functions) {
    if (!isUnknown(fn.iommuGroup) && fn.iommuGroup !== null) groups.set(fn.bdf, fn.iommuGroup);
  }
  return asSets(groups);
}

function asSets(groups: ReadonlyMap<Bdf, number>): string[] {
  const sets = new Map<number, string[]>();
  for (const [bdf, group] of groups) sets.set(group, [...(sets.get(group) ?? []), formatBdf(bdf)]);
  return [...sets.values()].map((members) => members.sort().join(" ")).sort();
}
