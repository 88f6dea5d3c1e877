import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Machine } from "../../src/host/machine.ts";
import { topologyOf } from "../../src/host/machine.ts";
import type { Bdf } from "../../src/pci/bdf.ts";
import type { PciFunction } from "../../src/pci/function.ts";
import { isUnknown, unknown } from "../../src/pci/known.ts";
import { OLDEST_MAINTAINED } from "../../src/rules/by-release.ts";
import { expectedIommuGroups } from "../../src/rules/iommu-groups.ts";
import { newestRead } from "../../src/rules/kernels/choose-rules.ts";
import { releaseNumber } from "../../src/rules/kernels/kernel-release.ts";
import type { Verdict } from "../../src/rules/verdict.ts";
import { decideAll } from "../../src/rules/verdict-table.ts";
import { expectSame } from "../expect-same.ts";
import { captureNames, readCapturedMachine } from "../machines/captures.ts";
import { randomMachine, withOwnCpu } from "./random-machine.ts";

const hidden = unknown("hidden by the test");

/** Fields of a function that a source may hide, each on its own. */
const functionFields = [
  "acs",
  "express",
  "vendorId",
  "deviceId",
  "subsystem",
  "bridge",
  "attachment",
  "physicalFunction",
  "headerType",
  "classCode",
  "multifunction",
  "sriov",
  "bars",
  "iommuGroup",
] as const satisfies readonly (keyof PciFunction)[];

interface Hiding {
  /** Chance in a hundred of each field of each function, by a seed. */
  readonly percent: number;
  readonly seed: number;
  readonly machineParts: readonly boolean[];
}

const hiding: fc.Arbitrary<Hiding> = fc.record({
  percent: fc.constantFrom(1, 5, 20, 60, 100),
  seed: fc.nat(),
  machineParts: fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }),
});

/** A small deterministic generator, so that a failing case is the same when it is run again. */
function makeRandom(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) ^ (state << 7);
    return (state >>> 0) / 2 ** 32;
  };
}

function hide(machine: Machine, { percent, seed, machineParts }: Hiding): Machine {
  const random = makeRandom(seed);
  const functions = machine.functions.map((fn) => {
    const gone = functionFields.filter(() => random() * 100 < percent);
    return { ...fn, ...Object.fromEntries(gone.map((field) => [field, hidden])) };
  });
  const [vendor, family, release, mode, kind, bridges] = machineParts;
  return {
    ...machine,
    functions,
    hostBridges: bridges ? hidden : machine.hostBridges,
    cpu: { ...machine.cpu, ...(vendor ? { vendor: hidden } : {}), ...(family ? { family: hidden } : {}) },
    kernel: { ...machine.kernel, ...(release ? { release: hidden } : {}) },
    iommu: { ...machine.iommu, ...(mode ? { mode: hidden } : {}), ...(kind ? { kind: hidden } : {}) },
  };
}

/** Whether a verdict is claimed for a machine's own release. */
function isClaimedFor(verdict: Verdict, { kernel }: Machine): boolean {
  const { releases } = verdict;
  if (releases === undefined) return true;
  const own = numberOf(isUnknown(kernel.release) ? "" : kernel.release);
  return numberOf(releases.from) <= own && (releases.to === null || own <= numberOf(releases.to));
}

function numberOf(release: string): number {
  return releaseNumber(release) ?? 0;
}

function isOrderedSubset(part: readonly Bdf[], whole: readonly Bdf[]): boolean {
  let from = 0;
  return part.every((bdf) => {
    const at = whole.indexOf(bdf, from);
    from = at + 1;
    return at >= 0;
  });
}

function partition(groups: ReadonlyMap<Bdf, number>): string[] {
  const sets = new Map<number, Bdf[]>();
  for (const [bdf, group] of groups) sets.set(group, [...(sets.get(group) ?? []), bdf]);
  return [...sets.values()].map((members) => members.join()).sort();
}

function isMaintained({ kernel }: Machine): boolean {
  return numberOf(isUnknown(kernel.release) ? "" : kernel.release) >= numberOf(OLDEST_MAINTAINED);
}

function expectNothingWrong(whole: Machine, part: Machine): void {
  const bdfs = whole.functions.map((fn) => fn.bdf);
  const full = decideAll(whole, { providers: bdfs, clients: bdfs });
  const seen = decideAll(part, { providers: bdfs, clients: bdfs });
  // A kernel that is hidden is taken for one with P2PDMA whose rules were read.
  const isKernelHidden = isUnknown(part.kernel.release);
  const isRead = full.rules.candidates.length > 0 && newestRead(full.rules) === null;
  bdfs.forEach((_, i) => {
    if (isKernelHidden && !isRead) return;
    bdfs.forEach((__, j) => {
      const truth = full.at(i, j);
      const verdict = seen.at(i, j);
      const isClaimed = isClaimedFor(verdict, whole);
      if (verdict.mapType === "unknown") expectSame(verdict.hidden.length + verdict.acsHidden.length > 0, true);
      else if (isClaimed) expectSame(verdict.mapType, truth.mapType);
      if (verdict.distance !== null && isClaimed) expectSame(verdict.distance, truth.distance);
      if (verdict.supported !== null && truth.supported !== null && isClaimed && isMaintained(whole)) {
        expectSame(verdict.supported, truth.supported);
      }
      if (verdict.hops !== null) expectSame(verdict.hops, truth.hops);
      expectSame(isOrderedSubset(verdict.acsRedirect, truth.acsRedirect), true);
      expectSame(seen.mapType(i, j), verdict.mapType);
    });
  });
  const groups = expectedIommuGroups(part, topologyOf(part));
  const trueGroups = expectedIommuGroups(whole, topologyOf(whole));
  if (!isUnknown(groups) && !isUnknown(trueGroups)) expect(partition(groups)).toEqual(partition(trueGroups));
}

describe("hiding parts of a machine makes verdicts unknown, never wrong", () => {
  // A root port below a port proves a root bus that is none; only QEMU builds such a machine.
  const shapes = captureNames.filter(
    (name) => /\.(amd-zen|intel)\.strict$/.test(name) && !name.startsWith("chained-ports"),
  );
  test("on recorded machines", () => {
    const machines = shapes.map(readCapturedMachine);
    fc.assert(
      fc.property(fc.constantFrom(...machines), hiding, (machine, parts) => {
        expectNothingWrong(machine, withOwnCpu(machine, hide(machine, parts)));
      }),
      { numRuns: 300 },
    );
  });

  test("on random machines", () => {
    fc.assert(
      fc.property(randomMachine, hiding, (machine, parts) => {
        expectNothingWrong(machine, withOwnCpu(machine, hide(machine, parts)));
      }),
      { numRuns: 600 },
    );
  });
});

test("the one-pass table equals a walk of each pair", () => {
  fc.assert(
    fc.property(randomMachine, (machine) => {
      const bdfs = machine.functions.map((fn) => fn.bdf);
      const table = decideAll(machine, { providers: bdfs, clients: bdfs });
      const { topology } = table;
      bdfs.forEach((_, i) => {
        bdfs.forEach((__, j) => {
          // The plain definition: walk up from the provider, and for each step up from the client.
          const up = (index: number): number[] => {
            const steps: number[] = [];
            for (let at = index; at >= 0; at = topology.parent[at] ?? -1) steps.push(at);
            return steps;
          };
          const a = up(topology.indexOf(bdfs[i] as Bdf));
          const b = up(topology.indexOf(bdfs[j] as Bdf));
          const met = a.findIndex((index) => b.includes(index));
          const hops = met < 0 ? a.length + b.length : met + b.indexOf(a[met] as number);
          expectSame(table.hops(i, j), hops);
        });
      });
    }),
    { numRuns: 300 },
  );
});
