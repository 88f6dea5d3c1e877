import fc from "fast-check";
import { expect, test } from "vitest";
import { createFabric, type Fabric } from "../../src/fabric/fabric.ts";
import { busAddr, type DmaAddr, type PhysAddr } from "../../src/pci/addresses.ts";
import type { BridgeWindow } from "../../src/pci/bridge.ts";
import type { PciFunction } from "../../src/pci/function.ts";
import { isUnknown } from "../../src/pci/known.ts";
import { ON_ROOT_BUS } from "../../src/pci/topology.ts";
import { expectSame } from "../expect-same.ts";
import { barsOf, contents, machines, options, value } from "./fabric-machines.ts";

interface Access {
  readonly requester: number;
  readonly bar: number;
  readonly isDram: boolean;
  readonly place: number;
  readonly lengthBytes: number;
}

const accesses: fc.Arbitrary<Access[]> = fc.array(
  fc.record({
    requester: fc.nat(),
    bar: fc.nat(),
    isDram: fc.boolean(),
    place: fc.nat(),
    lengthBytes: fc.integer({ min: 1, max: 700 }),
  }),
  { minLength: 1, maxLength: 6 },
);

test("A delivered write lands in exactly the addressed bytes and nowhere else; reads return them; links add up", () => {
  let delivered = 0;
  fc.assert(
    fc.property(machines, options, accesses, (machine, how, list) => {
      const fabric = createFabric(machine, how);
      const bars = barsOf(machine);
      const requesters = machine.functions.filter(({ bridge, command }) => bridge === null && value(command) !== 0);
      const expected = new Map<string, number>();
      let fill = 0;
      for (const { requester, bar, isDram, place, lengthBytes } of list) {
        const from = requesters[requester % requesters.length];
        const target = bars[bar % bars.length];
        if (from === undefined || target === undefined) return;
        const length = isDram ? lengthBytes : Math.min(lengthBytes, target.sizeBytes);
        const offset = isDram ? place % 100_000 : place % (target.sizeBytes - length + 1);
        const address = ((isDram ? 0 : target.bus) + offset) as DmaAddr;
        // A BAR of another host bridge is not at its bus address here: what is there is DRAM, or something else.
        if (!isDram && rootOf(fabric, from) !== rootOf(fabric, target.fn)) continue;
        fill = (fill % 255) + 1;
        const before = [...fabric.counters.up, ...fabric.counters.down].reduce((sum, bytes) => sum + bytes, 0);
        const outcome = fabric.write(from.bdf, address, new Uint8Array(length).fill(fill));
        if (outcome !== "delivered") {
          expect(linkBytes(fabric)).toBeGreaterThanOrEqual(before);
          continue;
        }
        delivered++;
        const name = isDram ? "dram" : `${target.fn.bdf}.${target.index}`;
        for (let index = 0; index < length; index++) expected.set(`${name}+${offset + index}`, fill);
        expectSame(linkBytes(fabric) - before, length * linksOf(fabric));
        const into = new Uint8Array(length);
        const readOutcome = fabric.read(from.bdf, address, into);
        expect(into).toEqual(new Uint8Array(length).fill(readOutcome === "delivered" ? fill : 0));
      }
      expect(contents(fabric, bars)).toEqual(expected);
    }),
    { numRuns: 400 },
  );
  expect(delivered).toBeGreaterThan(200);
});

function linkBytes(fabric: Fabric): number {
  return [...fabric.counters.up, ...fabric.counters.down].reduce((sum, bytes) => sum + bytes, 0);
}

/** Functions that pass a TLP up, across or down on the last route, the target's own take with them. */
function linksOf(fabric: Fabric): number {
  const { hops, target, endedAt } = value(fabric.lastRoute());
  const [issued] = hops;
  if (issued?.at === endedAt) return 0;
  // Each hop at a function crosses the link above it once; a function that says why it sends up has two hops.
  const passed = hops.filter(({ at, what }) => at !== "root-complex" && what !== "issue" && what !== "end");
  const isOwnDecision = passed[0]?.at === issued?.at;
  return passed.length + (isOwnDecision ? 0 : 1) + (target?.kind === "bar" ? 1 : 0);
}

function rootOf(fabric: Fabric, fn: PciFunction): number {
  return fabric.topology.root[fabric.indexOf(fn.bdf)] ?? -1;
}

test("The CPU reaches every BAR at its physical address, and only it", () => {
  fc.assert(
    fc.property(machines, (machine) => {
      const fabric = createFabric(machine, { rootComplex: "refuse" });
      const bars = barsOf(machine);
      const expected = new Map<string, number>();
      bars.forEach(({ fn, index, sizeBytes }, position) => {
        const phys = value(value(fn.bars).find((bar) => bar.index === index)?.physAddress ?? null);
        const byte = (position % 255) + 1;
        expectSame(fabric.cpuWrite(((phys ?? 0) + sizeBytes - 1) as PhysAddr, Uint8Array.of(byte)), "delivered");
        expected.set(`${fn.bdf}.${index}+${sizeBytes - 1}`, byte);
      });
      expect(contents(fabric, bars)).toEqual(expected);
    }),
    { numRuns: 150 },
  );
});

const hostileWindow: fc.Arbitrary<BridgeWindow> = fc.record({
  kind: fc.constantFrom("memory", "prefetchable"),
  start: fc.nat(64).map((mebibyte) => busAddr(0xc000_0000 + mebibyte * 0x100000 - 0x2000000)),
  size: fc.constantFrom(0x100000, 0x1000000, 2 ** 40),
});

test("Windows over each other, bus numbers that contradict the tree, and parents in loops end in an outcome", () => {
  fc.assert(
    fc.property(
      machines,
      options,
      fc.array(fc.tuple(fc.nat(), fc.array(hostileWindow, { maxLength: 3 }), fc.nat(255), fc.nat(255)), {
        maxLength: 8,
      }),
      fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 3 }),
      fc.array(fc.tuple(fc.nat(), fc.nat(128), fc.boolean()), { minLength: 1, maxLength: 12 }),
      (machine, how, bridges, moves, asks) => {
        const functions = [...machine.functions];
        for (const [which, windows, secondary, subordinate] of bridges) {
          const index = which % functions.length;
          const fn = functions[index];
          if (fn === undefined || fn.bridge === null || isUnknown(fn.bridge)) continue;
          functions[index] = { ...fn, bridge: { ...fn.bridge, windows, secondary, subordinate } };
        }
        for (const [which, above] of moves) {
          const index = which % functions.length;
          const fn = functions[index];
          const upstream = functions[above % functions.length]?.bdf ?? null;
          if (fn === undefined || isUnknown(fn.attachment)) continue;
          functions[index] = { ...fn, attachment: { ...fn.attachment, upstream } };
        }
        const fabric = createFabric({ ...machine, functions }, how);
        for (const [which, mebibyte, isRead] of asks) {
          const requester = functions[which % functions.length]?.bdf;
          if (requester === undefined) return;
          const address = (0xbf00_0000 + mebibyte * 0x100000) as DmaAddr;
          const kind = isRead ? "read" : "write";
          const route = fabric.route({ requester, kind, address, lengthBytes: 64, addressType: "untranslated" });
          if (isUnknown(route)) continue;
          expect(route.hops.length).toBeLessThanOrEqual(4 * functions.length + 8);
          expect(["delivered", "unsupported-request", "acs-violation", "lost", "not-issued"]).toContain(route.outcome);
        }
        expectSame(
          [...fabric.topology.parent].every((parent) => parent >= ON_ROOT_BUS - 1),
          true,
        );
      },
    ),
    { numRuns: 400 },
  );
});
