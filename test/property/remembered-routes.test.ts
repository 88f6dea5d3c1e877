import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { createFabric, type Fabric } from "../../src/fabric/fabric.ts";
import type { FabricOptions } from "../../src/fabric/options.ts";
import { RememberedRoutes } from "../../src/fabric/remembered-routes.ts";
import type { Machine } from "../../src/host/machine.ts";
import type { Translation } from "../../src/iommu/translation.ts";
import type { DmaAddr, PhysAddr } from "../../src/pci/addresses.ts";
import { entryAt } from "../../src/pci/entry-at.ts";
import { isUnknown, unknown } from "../../src/pci/known.ts";
import { type Bar, barsOf, contents, machines, options } from "./fabric-machines.ts";

interface Request {
  readonly requester: number;
  readonly target: number;
  /** Pages from the target's start: some lie behind its end. */
  readonly page: number;
  readonly lengthBytes: number;
  readonly kind: "read" | "write";
  readonly addressType: "untranslated" | "translated";
  readonly relaxedOrdering: boolean;
  /** Whose requester id it has, 0 for its own. */
  readonly spoof: number;
  readonly times: number;
}

type Step =
  | { readonly request: Request }
  | { readonly command: number; readonly fn: number }
  | { readonly acs: number; readonly fn: number }
  /** What stands beside the fabric, and changes without its knowing. */
  | { readonly mapping: keyof typeof MAPPINGS }
  | { readonly vector: boolean };

const MAPPINGS = {
  same: (address) => ({ ok: true, phys: address as number as PhysAddr, contiguousBytes: 4096 }),
  moved: (address) => ({ ok: true, phys: (address + 0x2000) as PhysAddr, contiguousBytes: 4096 }),
  gone: () => ({ ok: false, reason: "not-present" }),
  none: null,
} satisfies Record<string, ((address: number) => Translation) | null>;

const request: fc.Arbitrary<Request> = fc.record({
  requester: fc.nat(3),
  target: fc.nat(4),
  page: fc.constantFrom(0, 0, 0, 0, 1, 20),
  lengthBytes: fc.constantFrom(0, 1, 4, 64, 128),
  kind: fc.constantFrom("read", "write", "write"),
  addressType: fc.constantFrom("untranslated", "untranslated", "translated"),
  relaxedOrdering: fc.boolean(),
  spoof: fc.constantFrom(0, 0, 0, 1, 2),
  times: fc.constantFrom(1, 6, 12),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 10, arbitrary: fc.record({ request }) },
  { weight: 1, arbitrary: fc.record({ command: fc.constantFrom(0, 2, 4, 6, 6, 6), fn: fc.nat() }) },
  { weight: 3, arbitrary: fc.record({ acs: fc.nat(0x7f), fn: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ mapping: fc.constantFrom("same", "same", "moved", "gone", "none") }) },
  { weight: 1, arbitrary: fc.record({ vector: fc.boolean() }) },
);

/** With an IOMMU, an Egress Control Vector, and DRAM only where it is said to be: each or none. */
const beside = fc.record({
  iommu: fc.constantFrom(false, false, true),
  vector: fc.constantFrom(false, false, false, true),
  ram: fc.constantFrom([{ start: 0 as PhysAddr, sizeBytes: 0x6000 }], null),
  ramBusOffset: fc.constantFrom(0, 0, 0x1000),
});

/** Machines of which the source hides registers of some function. */
const shadowed: fc.Arbitrary<Machine> = fc.tuple(machines, fc.nat(), fc.nat(5)).map(([machine, which, what]) => {
  const hidden = what === 0 ? { acs: unknown("not shown") } : what === 1 ? { command: unknown("not shown") } : {};
  const functions = machine.functions.map((fn, index) =>
    index === which % machine.functions.length ? { ...fn, ...hidden } : fn,
  );
  return { ...machine, functions };
});

test("A fabric that remembers routes does what one does that decides each, whatever changes in between", () => {
  const follow = vi.spyOn(RememberedRoutes.prototype, "follow");
  const outcomes = new Set<string>();
  fc.assert(
    fc.property(
      shadowed,
      options,
      beside,
      fc.array(step, { minLength: 4, maxLength: 30 }),
      (machine, how, what, steps) => {
        let mapping: keyof typeof MAPPINGS = "same";
        let vector = true;
        const all: FabricOptions = {
          ...how,
          ...(what.ram === null ? {} : { ram: what.ram }),
          ramBusOffset: () => what.ramBusOffset,
          ...(what.vector ? { isEgressControlled: () => vector } : {}),
          ...(what.iommu
            ? {
                translator: {
                  translates: () => MAPPINGS[mapping] !== null,
                  translate: (_, address) => MAPPINGS[mapping]?.(address) ?? { ok: false, reason: "blocked" },
                  faults: [],
                },
              }
            : {}),
        };
        const [remembering, plain] = [createFabric(machine, all), createFabric(machine, all)];
        const bars = barsOf(machine);
        for (const one of steps) {
          if ("mapping" in one) mapping = one.mapping;
          else if ("vector" in one) vector = one.vector;
          else if ("request" in one) send(remembering, plain, bars, one.request, outcomes);
          else change([remembering, plain], one);
        }
        expect(contents(remembering, bars)).toEqual(contents(plain, bars));
        expect(remembering.counters).toEqual(plain.counters);
        expect(remembering.takeReached()).toEqual(plain.takeReached());
      },
    ),
    { numRuns: 250 },
  );
  expect([...outcomes].sort()).toEqual(
    ["acs-violation", "delivered", "hidden", "iommu-fault", "lost", "not-issued", "unsupported-request"].sort(),
  );
  expect(follow.mock.calls.length).toBeGreaterThan(300);
  follow.mockRestore();
});

function change(
  fabrics: readonly Fabric[],
  one: { readonly command: number; readonly fn: number } | { readonly acs: number; readonly fn: number },
): void {
  for (const fabric of fabrics) {
    const fn = entryAt(fabric.topology.functions, one.fn % fabric.topology.functions.length);
    if ("command" in one) fabric.setCommand(fn.bdf, one.command);
    else if (fn.acs !== null) fabric.setAcsControl(fn.bdf, one.acs);
  }
}

/** One request several times, on both fabrics; `plain` has a register written before each, so it never remembers. */
function send(
  remembering: Fabric,
  plain: Fabric,
  bars: readonly Bar[],
  { requester: from, target, page, lengthBytes, kind, addressType, relaxedOrdering, spoof, times }: Request,
  outcomes: Set<string>,
): void {
  const { functions } = plain.topology;
  const endpoints = functions.filter(({ bridge }) => bridge === null);
  const requester = entryAt(endpoints, (from * 7) % endpoints.length).bdf;
  const requesterId = spoof === 0 ? requester : entryAt(functions, (spoof * 5) % functions.length).bdf;
  const start = bars[(target * 3) % (bars.length + 1)]?.bus ?? 0;
  for (let time = 0; time < times; time++) {
    const address = (start + page * 4096 + time * 128) as DmaAddr;
    const asked = { requester, requesterId, kind, address, lengthBytes, addressType, relaxedOrdering };
    const expected = plain.route(asked);
    const bytes = [remembering, plain].map((fabric) => {
      if (fabric === plain) forget(plain);
      const data = new Uint8Array(lengthBytes).fill((time + page + from) % 251);
      try {
        outcomes.add(fabric.send(asked, data));
      } catch (error) {
        if (!isUnknown(expected)) throw error;
        outcomes.add("hidden");
      }
      return data;
    });
    expect(remembering.lastRoute()).toEqual(expected);
    expect(plain.lastRoute()).toEqual(expected);
    expect(bytes[0]).toEqual(bytes[1]);
  }
}

function forget(fabric: Fabric): void {
  const known = fabric.topology.functions.find(({ command }) => !isUnknown(command));
  if (known !== undefined) fabric.setCommand(known.bdf, fabric.command(known.bdf));
}
