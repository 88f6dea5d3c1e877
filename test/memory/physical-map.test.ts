import { describe, expect, it } from "vitest";
import type { Machine } from "../../src/host/machine.ts";
import { readScenario } from "../../src/host/scenario/scenario-machine.ts";
import { providerOf, providersOf } from "../../src/memory/machine-bars.ts";
import { PhysicalMap, physicalMapOf } from "../../src/memory/physical-map.ts";
import { busAddr, physAddr } from "../../src/pci/addresses.ts";
import { makeBdf } from "../../src/pci/bdf.ts";
import { isUnknown, unknown } from "../../src/pci/known.ts";
import { captureNames, readCapturedMachine } from "../machines/captures.ts";
import { exampleMachine, named } from "./machines.ts";

const GIB = 2 ** 30;
const examples = ["gpu-nic-server", "nested-switches", "one-switch", "small-bar-gpu", "two-host-bridges"];

describe("RAM", () => {
  it("RAM of a PC ends below the 32-bit window and goes on at 4 GiB", () => {
    const { ram } = physicalMapOf(exampleMachine("one-switch"), { ramBytes: 8 * GIB });
    expect(ram).toEqual([
      { start: 0, sizeBytes: 3 * GIB },
      { start: 4 * GIB, sizeBytes: 5 * GIB },
    ]);
  });

  it("RAM leaves out the PC's first megabyte of windows and a 64-bit window at 4 GiB, as a captured machine has them", () => {
    const { ram } = physicalMapOf(readCapturedMachine("one-switch.intel.off"), { ramBytes: 2 * GIB });
    expect(ram).toEqual([
      { start: 0, sizeBytes: 0xa0000 },
      { start: 0xc0000, sizeBytes: 0x2000_0000 - 0xc0000 },
      { start: 36 * GIB, sizeBytes: 2 * GIB - 0x2000_0000 + 0x20000 },
    ]);
  });

  it("RAM that finds no room is refused, and none is a number like others", () => {
    const machine = exampleMachine("one-switch");
    expect(() => physicalMapOf(machine, { ramBytes: 2 ** 52 })).toThrowError(/find no room/);
    expect(() => physicalMapOf(machine, { ramBytes: -1 })).toThrowError(/no number of bytes/);
    expect(physicalMapOf(machine, { ramBytes: 0 }).ram).toEqual([]);
    expect(physicalMapOf(machine, { ramBytes: 5000 }).ram).toEqual([{ start: 0, sizeBytes: 4096 }]);
  });
});

describe("BARs", () => {
  const machines: [string, Machine][] = [
    ...examples.map((name): [string, Machine] => [name, exampleMachine(name)]),
    ...captureNames
      .filter((name) => name.endsWith(".strict"))
      .map((name): [string, Machine] => [name, readCapturedMachine(name)]),
  ];

  it.each(machines)("%s: every assigned memory BAR is found by its first and last address", (_, machine) => {
    const map = physicalMapOf(machine, { ramBytes: 64 * GIB });
    let found = 0;
    for (const fn of machine.functions) {
      for (const bar of isUnknown(fn.bars) ? [] : fn.bars) {
        const { physAddress: start, sizeBytes } = bar;
        if (bar.kind !== "memory" || isUnknown(start) || start === null || isUnknown(sizeBytes)) continue;
        const region = { kind: "bar", range: { start, sizeBytes }, owner: fn.bdf, bar: bar.index };
        expect(map.regionAt(start)).toEqual(region);
        expect(map.regionAt(physAddr(start + sizeBytes - 1))).toEqual(region);
        expect(map.barRange(fn.bdf, bar.index)).toEqual({ start, sizeBytes });
        expect(map.bytesToEnd(physAddr(start + 1))).toBe(sizeBytes - 1);
        found++;
      }
    }
    expect(map.regions.filter(({ kind }) => kind === "bar")).toHaveLength(found);
    expect(found).toBeGreaterThan(0);
  });

  it("What is neither RAM nor a BAR is a hole", () => {
    const map = physicalMapOf(exampleMachine("one-switch"), { ramBytes: GIB });
    expect(map.regionAt(physAddr(GIB))).toBeNull();
    expect(map.bytesToEnd(physAddr(0xfee0_0000))).toBe(0);
    expect(map.barRange(makeBdf(0, 77, 0, 0), 0)).toBeNull();
  });

  it("Two functions at one address are refused with both names", () => {
    const [a, b] = [makeBdf(0, 3, 0, 0), makeBdf(0, 4, 0, 0)];
    const range = { start: physAddr(0xc000_0000), sizeBytes: 0x1000 };
    expect(
      () =>
        new PhysicalMap([
          { kind: "bar", range, owner: a, bar: 0 },
          { kind: "bar", range, owner: b, bar: 2 },
        ]),
    ).toThrowError(/BAR 2 of 0000:04:00.0 at 0xc0000000 overlaps BAR 0 of 0000:03:00.0/);
  });

  it("A BAR that ends beyond every address is refused", () => {
    const machine = exampleMachine("one-switch");
    const functions = machine.functions.map((fn) => ({
      ...fn,
      bars: isUnknown(fn.bars) ? fn.bars : fn.bars.map((bar) => ({ ...bar, sizeBytes: Number.MAX_SAFE_INTEGER })),
    }));
    expect(() => physicalMapOf({ ...machine, functions }, { ramBytes: GIB })).toThrowError(/ends beyond every address/);
  });

  it("A source that hides addresses is refused with its reason and a way out", () => {
    const machine = exampleMachine("one-switch");
    const hidden = unknown("the capture has no resource files");
    const functions = machine.functions.map((fn) => ({ ...fn, bars: hidden }));
    expect(() => physicalMapOf({ ...machine, functions }, { ramBytes: GIB })).toThrowError(
      expect.objectContaining({
        code: "unsupported",
        message: expect.stringContaining("the capture has no resource files"),
        remedy: expect.stringContaining("capture"),
        place: { file: "one-switch" },
      }),
    );
  });
});

describe("Providers", () => {
  it("A BAR has one provider, the same object whoever asks", () => {
    const machine = exampleMachine("one-switch");
    expect(providersOf(machine)).toBe(providersOf(machine));
    const { provider, range } = providerOf(machine, named(machine, "nvme0"), 2);
    expect(providersOf(machine)).toContain(provider);
    expect(provider.busOffset).toBe(0);
    expect(range.sizeBytes).toBe(16 * 2 ** 20);
  });

  it.each([
    ["512G", 2 ** 39],
    ["-1T", -(2 ** 40)],
  ])("With a bus offset of %s the provider's is bus address − physical address", (busOffset, bytes) => {
    const text = `hostBridges:\n  - busOffset: ${busOffset}\n    below:\n      - rootPort:\n        below:\n          - gpu: { bar: 8G, name: gpu0 }\n`;
    const machine = readScenario(text, "offset.yaml");
    const gpu = named(machine, "gpu0");
    const bar = physicalMapOf(machine, { ramBytes: 0 }).regions.find(({ range }) => range.sizeBytes === 8 * GIB);
    expect(bar).toMatchObject({ kind: "bar", owner: gpu });
    const { provider, range } = providerOf(machine, gpu, bar?.kind === "bar" ? bar.bar : -1);
    expect(provider.busOffset).toBe(bytes);
    const map = physicalMapOf(machine, { ramBytes: GIB });
    expect(map.regionAt(range.start)).toMatchObject({ kind: "bar", owner: provider.owner });
    expect(map.regionAt(physAddr(range.start + provider.busOffset))).toBeNull();
  });

  it("Expansion ROMs and BARs without an address provide nothing", () => {
    const machine = exampleMachine("one-switch");
    const owner = named(machine, "nvme0");
    const rom = { kind: "memory", is64Bit: false, prefetchable: false, fromEnhancedAllocation: false } as const;
    const functions = machine.functions.map((fn) =>
      fn.bdf !== owner
        ? fn
        : {
            ...fn,
            bars: [
              { ...rom, index: 0, busAddress: null, physAddress: null, sizeBytes: 4096 },
              {
                ...rom,
                index: 6,
                busAddress: busAddr(0xfe00_0000),
                physAddress: physAddr(0xfe00_0000),
                sizeBytes: 4096,
              },
            ],
          },
    );
    const changed = { ...machine, functions };
    expect(providersOf(changed).filter((provider) => provider.owner === owner)).toEqual([]);
    expect(physicalMapOf(changed, { ramBytes: 0 }).barRange(owner, 6)).not.toBeNull();
    expect(() => providerOf(changed, owner, 6)).toThrowError(/has no BAR 6/);
  });
});
