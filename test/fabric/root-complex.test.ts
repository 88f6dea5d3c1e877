import { describe, expect, test } from "vitest";
import { createFabric } from "../../src/fabric/fabric.ts";
import type { FabricOptions, RootComplexPolicy } from "../../src/fabric/options.ts";
import { PERMIT_WRITE } from "../../src/iommu/page-table.ts";
import type { FaultReason, IommuFault, Translator } from "../../src/iommu/translation.ts";
import { IommuUnits } from "../../src/iommu/units.ts";
import { type DmaAddr, type Iova, PAGE_BYTES, type PhysAddr } from "../../src/pci/addresses.ts";
import type { Bdf } from "../../src/pci/bdf.ts";
import { unknown } from "../../src/pci/known.ts";
import { bdfOf, busOf, hopsOf, machineOf, nameAt, pattern, physOf, shown, switchMachine } from "./machines.ts";

/** An IOMMU of one domain: pages by IOVA, all of them writable or not. */
class FakeTranslator implements Translator {
  readonly faults: IommuFault[] = [];
  readonly #pages = new Map<number, number>();
  readonly #refused = new Set<Bdf>();
  readonly #scope: ReadonlySet<Bdf>;

  constructor(scope: readonly Bdf[]) {
    this.#scope = new Set(scope);
  }

  map(from: number, to: number): void {
    this.#pages.set(from, to);
  }

  block(requester: Bdf): void {
    this.#refused.add(requester);
  }

  translates(requester: Bdf): boolean {
    return this.#scope.has(requester);
  }

  translate(requester: Bdf, address: Iova, isWrite: boolean): ReturnType<Translator["translate"]> {
    const offset = address % PAGE_BYTES;
    const page = this.#pages.get(address - offset);
    const reason: FaultReason | null = this.#refused.has(requester)
      ? "blocked"
      : page === undefined
        ? "not-present"
        : null;
    if (reason === null)
      return { ok: true, phys: ((page ?? 0) + offset) as PhysAddr, contiguousBytes: PAGE_BYTES - offset };
    this.faults.push({ requester, address, isWrite, reason });
    return { ok: false, reason };
  }
}

const twoBridges = machineOf(`
  - below:
      - rootPort: { acs: false, name: root1 }
        below: [ { nvme: { cmb: 16M, name: near } } ]
      - rootPort: { acs: false, name: root2 }
        below: [ { nic: { name: beside } } ]
  - below:
      - rootPort: { acs: false, name: root3 }
        below: [ { gpu: { name: far } } ]`);

describe("Traffic from port to port", () => {
  test.each<[RootComplexPolicy, string, string, string, string]>([
    ["forward", "delivered", "delivered", "delivered", "delivered"],
    ["refuse", "unsupported-request", "unsupported-request", "unsupported-request", "unsupported-request"],
    ["writes-only", "delivered", "unsupported-request", "delivered", "unsupported-request"],
    ["within-host-bridge", "delivered", "delivered", "unsupported-request", "unsupported-request"],
  ])("%s: writes below one host bridge %s, reads %s; writes between two %s, reads %s", (rootComplex, ...expected) => {
    const fabric = createFabric(twoBridges, { rootComplex });
    const near = bdfOf(twoBridges, "near");
    const bytes = new Uint8Array(16);
    const outcomes = ["beside", "far"].flatMap((name) => {
      const address = busOf(twoBridges, name);
      return [fabric.write(near, address, bytes), fabric.read(near, address, bytes)];
    });
    expect(outcomes).toEqual(expected);
  });

  test("No policy touches DRAM or the CPU's own accesses", () => {
    const fabric = createFabric(twoBridges, { rootComplex: "refuse" });
    expect(fabric.write(bdfOf(twoBridges, "near"), 0x1000 as DmaAddr, pattern(16))).toBe("delivered");
    expect(fabric.cpuWrite(physOf(twoBridges, "far"), pattern(16))).toBe("delivered");
  });

  test("An endpoint of the root complex itself is a port like the others", () => {
    const machine = machineOf(`
  - below:
      - device: { bars: { 0: 1M }, name: integrated }
      - rootPort: { acs: false }
        below: [ { nic: { name: nic } } ]`);
    const fabric = createFabric(machine, { rootComplex: "refuse" });
    expect(fabric.write(bdfOf(machine, "nic"), busOf(machine, "integrated"), pattern(4))).toBe("unsupported-request");
    expect(fabric.write(bdfOf(machine, "integrated"), busOf(machine, "nic"), pattern(4))).toBe("unsupported-request");
    expect(fabric.write(bdfOf(machine, "integrated"), busOf(machine, "integrated"), pattern(4))).toBe("delivered");
    expect(createFabric(machine).write(bdfOf(machine, "integrated"), busOf(machine, "nic"), pattern(4))).toBe(
      "delivered",
    );
  });

  test("Egress Control of a root port blocks its peers", () => {
    const machine = switchMachine({ roots: "EC+" });
    const fabric = createFabric(machine);
    expect(fabric.write(bdfOf(machine, "left"), busOf(machine, "other"), pattern(4))).toBe("acs-violation");
    expect(nameAt(machine, shown(fabric.lastRoute()).endedAt)).toBe("root1");
    expect(fabric.write(bdfOf(machine, "left"), 0 as DmaAddr, pattern(4))).toBe("delivered");
  });
});

describe("Host bridges that add an offset", () => {
  test.each(["-1T", "512G"])(
    "busOffset %s: bus addresses and CPU addresses of one BAR lead to it, wherever they come from",
    (offset) => {
      const machine = machineOf(`
  - busOffset: ${offset}
    below:
      - rootPort: { acs: false }
        below: [ { gpu: { bar: 64M, name: gpu } } ]
      - rootPort: { acs: false }
        below: [ { nic: { name: nic } } ]
  - busOffset: 0
    below:
      - rootPort: { acs: false }
        below: [ { nic: { name: away } } ]`);
      const [bus, phys] = [busOf(machine, "gpu", 1), physOf(machine, "gpu", 1)];
      expect(phys).not.toBe(bus);
      const fabric = createFabric(machine);
      const gpu = fabric.barBytes(bdfOf(machine, "gpu"), 1);
      expect(fabric.write(bdfOf(machine, "nic"), bus, pattern(8, 1))).toBe("delivered");
      expect(gpu.slice(0, 8)).toEqual(pattern(8, 1));
      expect(fabric.cpuWrite(phys, pattern(8, 2))).toBe("delivered");
      expect(gpu.slice(0, 8)).toEqual(pattern(8, 2));
      expect(fabric.write(bdfOf(machine, "away"), phys as number as DmaAddr, pattern(8, 3))).toBe("delivered");
      expect(gpu.slice(0, 8)).toEqual(pattern(8, 3));
      expect(fabric.write(bdfOf(machine, "nic"), phys as number as DmaAddr, pattern(8, 4))).toBe("delivered");
      expect(gpu.slice(0, 8)).toEqual(pattern(8, 4));
      // Below another host bridge the bus address of the BAR is the address of something else.
      expect(fabric.write(bdfOf(machine, "away"), bus, pattern(8, 5))).toBe("delivered");
      expect(gpu.slice(0, 8)).toEqual(pattern(8, 4));
      expect(fabric.dram.slice(bus, 8)).toEqual(pattern(8, 5));
    },
  );

  test("An offset of DRAM holds for devices, not for the CPU", () => {
    const fabric = createFabric(twoBridges, { ramBusOffset: (rootBus) => (rootBus === 0 ? 2 ** 33 : 0) });
    expect(fabric.write(bdfOf(twoBridges, "near"), (2 ** 33 + 0x1000) as DmaAddr, pattern(8))).toBe("delivered");
    expect(fabric.write(bdfOf(twoBridges, "near"), 0x1000 as DmaAddr, pattern(8))).toBe("unsupported-request");
    const back = new Uint8Array(8);
    fabric.cpuRead(0x1000 as PhysAddr, back);
    expect(back).toEqual(pattern(8));
  });
});

describe("IOMMUs", () => {
  const machine = switchMachine({}, "passthrough");
  const left = bdfOf(machine, "left");
  const base = { requester: left, kind: "write", lengthBytes: 8, addressType: "untranslated" } as const;

  function withIommu(options: FabricOptions = {}) {
    const translator = new FakeTranslator([left]);
    return { translator, fabric: createFabric(machine, { ...options, translator }) };
  }

  test("An address that reaches the root complex is translated, to DRAM or down to a peer", () => {
    const { translator, fabric } = withIommu();
    translator.map(0x7000, 0x3000);
    translator.map(0x8000, physOf(machine, "other"));
    expect(fabric.write(left, 0x7010 as DmaAddr, pattern(8))).toBe("delivered");
    expect(fabric.dram.slice(0x3010, 8)).toEqual(pattern(8));
    expect(fabric.write(left, 0x8010 as DmaAddr, pattern(8))).toBe("delivered");
    expect(hopsOf(machine, fabric.lastRoute()).slice(-4)).toEqual([
      "root-complex translate",
      "root-complex reflect",
      "root2 down",
      "other end",
    ]);
    expect(fabric.barBytes(bdfOf(machine, "other"), 0).slice(0x10, 8)).toEqual(pattern(8));
  });

  test("What is not mapped faults at the root complex, and the fault is logged", () => {
    const { translator, fabric } = withIommu();
    expect(fabric.write(left, 0x9000 as DmaAddr, pattern(8))).toBe("iommu-fault");
    expect(shown(fabric.lastRoute())).toMatchObject({ endedAt: "root-complex", target: null });
    translator.block(left);
    expect(fabric.read(left, 0x9000 as DmaAddr, pattern(8))).toBe("iommu-fault");
    expect(translator.faults.map(({ reason }) => reason)).toEqual(["not-present", "blocked"]);
  });

  test("Peers across a switch are not translated, nor are requesters out of scope", () => {
    const { translator, fabric } = withIommu();
    expect(fabric.write(left, busOf(machine, "right"), pattern(8))).toBe("delivered");
    expect(fabric.write(bdfOf(machine, "other"), 0x9000 as DmaAddr, pattern(8))).toBe("delivered");
    expect(translator.faults).toEqual([]);
  });

  test("A spoofed requester id takes the domain of the one it names", () => {
    const { fabric } = withIommu();
    expect(fabric.send({ ...base, address: 0x9000 as DmaAddr }, pattern(8))).toBe("iommu-fault");
    const requesterId = bdfOf(machine, "right");
    expect(fabric.send({ ...base, requesterId, address: 0x9000 as DmaAddr }, pattern(8))).toBe("delivered");
  });

  test("A switch that forwards everything upstream makes a direct peer address fault: the silent loss of the emulated one", () => {
    const { translator, fabric } = withIommu({ switchForwarding: "always-upstream" });
    expect(fabric.write(left, busOf(machine, "right"), pattern(8))).toBe("iommu-fault");
    expect(translator.faults).toHaveLength(1);
    const without = createFabric(machine, { switchForwarding: "always-upstream" });
    const into = new Uint8Array(8);
    expect(without.write(left, busOf(machine, "right"), pattern(8))).toBe("delivered");
    expect(without.read(left, busOf(machine, "right"), into)).toBe("delivered");
    expect(into).toEqual(pattern(8));
    expect(hopsOf(machine, without.lastRoute())).toContain("root-complex reflect");
  });
});

test("With the real units in strict mode, a device reaches what its own domain maps and nothing else", () => {
  const machine = switchMachine({ ports: "true", roots: "true" }, "strict");
  const units = new IommuUnits(machine);
  const fabric = createFabric(machine, { translator: units });
  const [left, other] = [bdfOf(machine, "left"), bdfOf(machine, "other")];
  const address = 0x10_0000 as Iova;
  units.domainOf(left)?.map(address, physOf(machine, "other"), PAGE_BYTES, PERMIT_WRITE);
  const given = address as number as DmaAddr;
  expect(fabric.write(left, given, pattern(16))).toBe("delivered");
  expect(fabric.barBytes(other, 0).slice(0, 16)).toEqual(pattern(16));
  expect(fabric.read(left, given, new Uint8Array(16))).toBe("iommu-fault");
  expect(fabric.write(other, given, pattern(16))).toBe("iommu-fault");
  expect(units.faults.map(({ requester, reason }) => [requester, reason])).toEqual([
    [left, "no-read"],
    [other, "not-present"],
  ]);
});

describe("Host bridges that the source hides", () => {
  const hidden = { ...twoBridges, hostBridges: unknown("lspci shows no windows") };
  const near = bdfOf(twoBridges, "near");
  const base = { requester: near, kind: "write", lengthBytes: 8, addressType: "untranslated" } as const;

  test("What ends at the root complex is unknown with the reason; told where DRAM is, DRAM is known", () => {
    const route = createFabric(hidden).route({ ...base, address: 0x1000 as DmaAddr });
    expect(route).toEqual(unknown("lspci shows no windows"));
    const fabric = createFabric(hidden, { ram: [{ start: 0 as PhysAddr, sizeBytes: 2 ** 20 }] });
    expect(fabric.write(near, 0x1000 as DmaAddr, pattern(8))).toBe("delivered");
    expect(fabric.route({ ...base, address: busOf(twoBridges, "far") })).toHaveProperty("unknown");
    expect(() => fabric.cpuWrite(physOf(twoBridges, "far"), pattern(8))).toThrow("lspci shows no windows");
  });
});
