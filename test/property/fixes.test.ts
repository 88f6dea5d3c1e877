import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { advise } from "../../src/advice/fix/advise.ts";
import type { Pair } from "../../src/advice/fix/idea.ts";
import { applyChanges } from "../../src/advice/what-if/apply.ts";
import type { Machine } from "../../src/host/machine.ts";
import { busAddr, physAddr } from "../../src/pci/addresses.ts";
import type { PciFunction } from "../../src/pci/function.ts";
import { isUnknown } from "../../src/pci/known.ts";
import { afterBoot } from "../../src/rules/boot-acs.ts";
import { decide, decideAll } from "../../src/rules/verdict-table.ts";
import { randomMachine } from "./random-machine.ts";

/**
 * Machines that a kernel booted whose handling of the parameters was read: running ones, of which one sees the registers
 * only, and ones of which it is also known what firmware left.
 */
const bootedMachine = fc
  .tuple(randomMachine, fc.constantFrom("6.1", "7.2", "7.3"), fc.boolean())
  .map(([machine, release, isFirmwareSeen]): Machine => {
    const functions = machine.functions.map(withMemory);
    const booted = afterBoot({ ...machine, functions, kernel: { ...machine.kernel, release } });
    return isFirmwareSeen ? booted : { ...booted, functions: booted.functions.map(withoutFirmware) };
  });

/** A provider without memory is helped by nothing, so each function but bridges has some, at an address of its own. */
function withMemory(fn: PciFunction, index: number): PciFunction {
  if (fn.headerType !== 0) return fn;
  const address = 2 ** 30 + index * 2 ** 20;
  const memory = {
    index: 0,
    kind: "memory",
    is64Bit: true,
    prefetchable: true,
    fromEnhancedAllocation: false,
  } as const;
  return {
    ...fn,
    bars: [{ ...memory, sizeBytes: 2 ** 20, busAddress: busAddr(address), physAddress: physAddr(address) }],
    p2pmem: { sizeBytes: 2 ** 20, availableBytes: 2 ** 20, published: true },
  };
}

function withoutFirmware(fn: PciFunction): PciFunction {
  if (fn.acs === null || isUnknown(fn.acs)) return fn;
  return { ...fn, acs: { capability: fn.acs.capability, control: fn.acs.control } };
}

/** Pairs of a machine that ACS redirects. */
function redirectedPairs(machine: Machine): Pair[] {
  const table = decideAll(machine);
  return table.providers.flatMap((provider, i) =>
    table.clients.flatMap((client, j) => (table.redirected(i, j) ? [{ provider, client }] : [])),
  );
}

const PARAMETER = "pci=disable_acs_redir=";

describe("The parameter that fix proposes", () => {
  it("makes each redirected pair direct, and no part of its list is enough", () => {
    let tried = 0;
    fc.assert(
      fc.property(bootedMachine, fc.nat(), (machine, seed) => {
        const pairs = redirectedPairs(machine);
        const pair = pairs[seed % Math.max(pairs.length, 1)];
        if (pair === undefined) return;
        const fix = advise(machine, [pair]).fixes.find(({ title }) => title.startsWith(PARAMETER));
        expect(fix?.verdicts.map(({ mapType }) => mapType)).toEqual(["bus-addr"]);
        const devices = (fix?.title ?? "").slice(PARAMETER.length).split(";");
        for (const left of properSubsets(devices)) {
          const text = `${PARAMETER}${left.join(";")}`;
          const part = left.length === 0 ? machine : applyChanges(machine, [{ kind: "parameters", text }]);
          expect(decide(part, pair.provider, pair.client).mapType).not.toBe("bus-addr");
          tried++;
        }
      }),
      { numRuns: 300 },
    );
    expect(tried).toBeGreaterThan(300);
  });

  it("makes all pairs of a set direct at once, and without any one device some pair is not", () => {
    fc.assert(
      fc.property(bootedMachine, (machine) => {
        const pairs = redirectedPairs(machine).slice(0, 12);
        if (pairs.length === 0) return;
        const fix = advise(machine, pairs).fixes.find(({ title }) => title.startsWith(PARAMETER));
        expect(fix?.verdicts.every(({ mapType }) => mapType === "bus-addr")).toBe(true);
        const devices = (fix?.title ?? "").slice(PARAMETER.length).split(";");
        devices.forEach((_, index) => {
          const text = `${PARAMETER}${devices.filter((__, other) => other !== index).join(";")}`;
          const part = applyChanges(machine, [{ kind: "parameters", text }]);
          const verdicts = pairs.map(({ provider, client }) => decide(part, provider, client).mapType);
          expect(verdicts.some((mapType) => mapType !== "bus-addr")).toBe(true);
        });
      }),
      { numRuns: 100 },
    );
  });
});

describe("Advice", () => {
  it("is about nothing but what its own changes do: each fix, carried out again, gives the verdicts that it promises", () => {
    fc.assert(
      fc.property(bootedMachine, fc.nat(), (machine, seed) => {
        const table = decideAll(machine);
        const provider = table.providers[seed % Math.max(table.providers.length, 1)];
        const client = table.clients[(seed >> 8) % Math.max(table.clients.length, 1)];
        if (provider === undefined || client === undefined) return;
        const rank = { "bus-addr": 2, "thru-host-bridge": 1, "not-supported": 0, unknown: 0 };
        const { before, fixes } = advise(machine, [{ provider, client }]);
        for (const { changes, verdicts } of fixes) {
          const { mapType, hops } = decide(applyChanges(machine, changes), provider, client);
          expect(verdicts.map((verdict) => [verdict.mapType, verdict.hops])).toEqual([[mapType, hops]]);
          const old = before[0];
          const isShorter = mapType === "thru-host-bridge" && (hops ?? 0) < (old?.hops ?? 0);
          const gain = rank[mapType] - rank[old?.mapType ?? "unknown"];
          expect(gain > 0 || (gain === 0 && isShorter)).toBe(true);
        }
      }),
      { numRuns: 150 },
    );
  });
});

/** All subsets but the whole; of long lists those that lack one. */
function properSubsets(items: readonly string[]): string[][] {
  if (items.length > 5) return items.map((_, index) => items.filter((__, other) => other !== index));
  return Array.from({ length: 2 ** items.length - 1 }, (_, bits) => items.filter((__, index) => (bits >> index) & 1));
}
