import fc from "fast-check";
import { expect, test } from "vitest";
import type { Machine } from "../../src/host/machine.ts";
import type { PciFunction } from "../../src/pci/function.ts";
import { unknown } from "../../src/pci/known.ts";
import { directionsIn, platformContext } from "../../src/platforms/directions.ts";
import { PLATFORM_FACTS } from "../../src/platforms/facts.ts";
import { isInSet, isOtherKind } from "../../src/platforms/match.ts";
import { decideAll } from "../../src/rules/verdict-table.ts";
import { randomMachine, withOwnCpu } from "../property/random-machine.ts";

const hidden = unknown("hidden by the test");

const functionFields = [
  "acs",
  "express",
  "vendorId",
  "deviceId",
  "bridge",
  "attachment",
  "physicalFunction",
  "classCode",
] as const satisfies readonly (keyof PciFunction)[];

/** Ids for ports and host bridges that facts speak of, so that random machines meet them. */
const portIds = [
  [0x1b36, 0x000c],
  [0x104c, 0x8232],
  [0x1000, 0xc030],
  [0x1022, 0x1483],
  [0x1002, 0x5a16],
  [0x1014, 0x04c1],
  [0x1c36, 0x0031],
  [0x8086, 0x2f01],
  [0x8086, 0x2030],
  [0x8086, 0x7ecc],
] as const;

/** Which fields are hidden and which ids the ports get, by small numbers that shrink. */
const choices = fc.record({
  ids: fc.array(fc.nat(portIds.length - 1), { minLength: 1, maxLength: 3 }),
  model: fc.constantFrom(1, 0x3a, 0x55, 0xc6),
  hide: fc.array(fc.record({ fn: fc.nat(40), field: fc.constantFrom(...functionFields) }), { maxLength: 6 }),
  cpu: fc.subarray(["vendor", "family", "model"] as const),
  mode: fc.boolean(),
});

/** Machines with a port of QEMU's are guests of which all is emulated; the others have real disks. */
function withPortIds(machine: Machine, ids: readonly number[]): Machine {
  let port = 0;
  const isGuest = ids.includes(0);
  const functions = machine.functions.map((fn): PciFunction => {
    const [vendorId, deviceId] = portIds[ids[port % ids.length] ?? 0] ?? [0, 0];
    if (fn.headerType !== 1) return isGuest || fn.vendorId !== 0x1b36 ? fn : { ...fn, vendorId: 0x144d };
    port += 1;
    return { ...fn, vendorId, deviceId };
  });
  // What shows a guest is not hidden here: that absence of it proves nothing is the gate's affair.
  return { ...machine, functions, ...(isGuest ? { guestOf: { hypervisor: "QEMU", shownBy: "dmi" } } : {}) };
}

/** Whether a machine shows hardware that no machine with its processor has. */
function contradictsItself({ cpu, functions }: Machine): boolean {
  return PLATFORM_FACTS.some(({ match: { partOf, onRootBus, rootPort } }) => {
    const set = onRootBus ?? rootPort;
    if (partOf === undefined || set === undefined || !isOtherKind(cpu, null, partOf)) return false;
    return functions.some((fn) => isInSet(fn, set) === true);
  });
}

test("hidden parts never turn unknown, or another outcome, into a claim", () => {
  let claims = 0;
  fc.assert(
    fc.property(randomMachine, choices, (random, { ids, model, hide, cpu, mode }) => {
      const whole = withPortIds({ ...random, cpu: { ...random.cpu, model } }, ids);
      fc.pre(!contradictsItself(whole));
      const functions = [...whole.functions];
      for (const { fn, field } of hide) {
        const at = fn % functions.length;
        functions[at] = { ...(functions[at] as PciFunction), [field]: hidden };
      }
      const part = withOwnCpu(whole, {
        ...whole,
        functions,
        cpu: { ...whole.cpu, ...Object.fromEntries(cpu.map((name) => [name, hidden])) },
        iommu: mode ? { ...whole.iommu, mode: hidden } : whole.iommu,
      });
      const bdfs = whole.functions.map(({ bdf }) => bdf);
      const [full, seen] = [whole, part].map((machine) => decideAll(machine, { providers: bdfs, clients: bdfs }));
      if (full === undefined || seen === undefined) throw new Error("two machines give two tables");
      const fullContext = platformContext(whole, full.topology);
      const seenContext = platformContext(part, seen.topology);
      bdfs.forEach((_, provider) => {
        bdfs.forEach((__, client) => {
          const truth = directionsIn(fullContext, full.at(provider, client));
          const told = directionsIn(seenContext, seen.at(provider, client));
          for (const direction of ["write", "read"] as const) {
            const { outcome, why } = told[direction];
            if (outcome !== "unknown") claims += 1;
            // `expect` is too slow for every pair.
            if (why === "" || (outcome !== "unknown" && outcome !== truth[direction].outcome)) {
              expect(told[direction]).toEqual(truth[direction]);
            }
          }
        });
      });
    }),
    { numRuns: 400 },
  );
  // The machines do meet facts.
  expect(claims).toBeGreaterThan(1000);
});
