import { describe, expect, it } from "vitest";
import { Gpu } from "../../src/devices/gpu.ts";
import { buildSystem, type System } from "../../src/devices/system.ts";
import { dmaEntries, scatterlist } from "../../src/dma/scatterlist.ts";
import type { DmaBuf } from "../../src/dmabuf/dma-buf.ts";
import { RdmaRegion } from "../../src/dmabuf/rdma-region.ts";
import { VfioDevice } from "../../src/dmabuf/vfio-device.ts";
import type { IommuMode, Machine } from "../../src/host/machine.ts";
import { readScenario } from "../../src/host/scenario/scenario-machine.ts";
import { enableP2p } from "../../src/memory/enable-p2p.ts";
import { providerOf } from "../../src/memory/machine-bars.ts";
import { PAGE_BYTES, type PhysAddr, type PhysRange, physAddr } from "../../src/pci/addresses.ts";
import { qemuMachineOf } from "../qemu-scenario.ts";
import { bdfOf } from "./machines.ts";

const MIB = 2 ** 20;

/** X that the client reaches, and Y behind it in the address space that it does not. */
function twoPeers(iommu: IommuMode = "off"): Machine {
  return qemuMachineOf(
    `
scenario: two peers below one switch
cpu: intel
kernel: 7.2
iommu: ${iommu}
hostBridges:
  - below:
      - rootPort: { id: "8086:3420", acs: "true" }
        below:
          - switch: { id: 1000:c030, portId: 1000:c030, acs: false }
            below:
              - { port: { acs: "false" }, below: [ { accel: { name: X, bars: { 0: "1M" } } } ] }
              - { port: { acs: "RR+" }, below: [ { accel: { name: Y, bars: { 0: "1M" } } } ] }
              - { port: { acs: "false" }, below: [ { nic: { name: client } } ] }
`,
    "two-peers.yaml",
  );
}

interface Bench {
  readonly machine: Machine;
  readonly system: System;
  readonly x: ReturnType<typeof providerOf>;
  readonly y: ReturnType<typeof providerOf>;
}

function benchOf(hasPages: boolean, iommu: IommuMode = "off"): Bench {
  const machine = twoPeers(iommu);
  const names = ["X", "Y"] as const;
  const peerMemory = hasPages ? names.map((name) => ({ fn: bdfOf(machine, name), bar: 0 })) : [];
  const system = buildSystem(machine, { peerMemory, ramBytes: 4 * MIB, backend: iommu === "off" ? "direct" : "iommu" });
  return { machine, system, x: providerOf(machine, "X", 0), y: providerOf(machine, "Y", 0) };
}

function endOf({ start, sizeBytes }: PhysRange): number {
  return start + sizeBytes;
}

/** Bytes mapped and IOVA ranges taken for the client. */
function leftIn({ machine, system }: Bench): readonly number[] {
  const domain = system.units.dmaDomainOf(bdfOf(machine, "client"));
  return domain === null ? [0, 0] : [domain.mappedBytes, domain.iovas.allocationCount];
}

describe.each(["off", "strict"] as const)(
  "What leaves its memory is EINVAL, and nothing is mapped (IOMMU %s)",
  (iommu) => {
    /** Start and bytes of an entry, from the ends of X, Y and RAM. */
    const leaving: readonly (readonly [string, (bench: Bench) => readonly [number, number]])[] = [
      ["the last page of X and the first of Y", ({ x }) => [endOf(x.range) - PAGE_BYTES, 2 * PAGE_BYTES]],
      ["one byte beyond X", ({ x }) => [endOf(x.range) - 1, 2]],
      ["X, Y and what is behind them", ({ x }) => [x.range.start, 16 * MIB]],
      ["one byte beyond Y, where nothing is", ({ y }) => [endOf(y.range) - 8, 9]],
      ["one byte beyond RAM", ({ system }) => [endOf(system.physical.ram.at(-1) as PhysRange) - 8, 9]],
      ["RAM, the hole behind it and X", ({ x }) => [PAGE_BYTES, endOf(x.range) - PAGE_BYTES]],
    ];

    it("X and Y lie beside each other, and only X is within reach", () => {
      const { machine, system, x, y } = benchOf(true, iommu);
      const client = bdfOf(machine, "client");
      expect(endOf(x.range)).toBe(y.range.start);
      expect(system.decide(x.provider, client)).toBe("bus-addr");
      expect(system.decide(y.provider, client)).toBe("not-supported");
    });

    it.each(leaving)("%s", (_, place) => {
      const bench = benchOf(true, iommu);
      const { machine, system } = bench;
      const client = bdfOf(machine, "client");
      const [start, sizeBytes] = place(bench);
      const range = { start: physAddr(start), sizeBytes };
      const [ops, device] = [system.opsOf(client), system.deviceOf(client)];
      const list = scatterlist([{ start: physAddr(PAGE_BYTES), sizeBytes: PAGE_BYTES }, range]);
      expect(ops.mapList(device, list, "from-device")).toMatchObject({
        errno: "EINVAL",
        reason: /leaves its provider/,
      });
      expect(list.dmaCount).toBe(0);
      expect(ops.mapRange(device, range, "from-device")).toMatchObject({
        errno: "EINVAL",
        reason: /leaves its provider/,
      });
      expect(() => scatterlist([range], system.maps)).toThrow("leaves its provider, or RAM");
      expect(leftIn(bench)).toEqual([0, 0]);
    });

    it("A range of Y, or one that leaves X, is none of provider X", () => {
      const bench = benchOf(false, iommu);
      const { machine, system, x, y } = bench;
      const client = bdfOf(machine, "client");
      const [ops, device] = [system.opsOf(client), system.deviceOf(client)];
      const inside = { start: x.range.start, sizeBytes: PAGE_BYTES };
      for (const outside of [
        { start: y.range.start, sizeBytes: PAGE_BYTES },
        { start: physAddr(endOf(x.range) - PAGE_BYTES), sizeBytes: 2 * PAGE_BYTES },
        { start: physAddr(x.range.start - 1), sizeBytes: 2 },
        { start: physAddr(PAGE_BYTES), sizeBytes: PAGE_BYTES },
      ]) {
        expect(ops.mapProviderRanges(device, x.provider, [inside, outside], "from-device")).toMatchObject({
          errno: "EINVAL",
          reason: /is not within BAR 0 of 0000:03:00.0/,
        });
      }
      expect(leftIn(bench)).toEqual([0, 0]);
      expect(ops.mapProviderRanges(device, x.provider, [inside], "from-device").ok).toBe(true);
    });
  },
);

describe.each(["off", "strict", "lazy"] as const)("An unmap that is of no mapping is refused (IOMMU %s)", (iommu) => {
  function mappings() {
    const bench = benchOf(true, iommu);
    const client = bdfOf(bench.machine, "client");
    const [ops, device] = [bench.system.opsOf(client), bench.system.deviceOf(client)];
    const other = bench.system.deviceOf(bdfOf(bench.machine, "X"));
    return { bench, ops, device, other };
  }
  const page: PhysRange = { start: physAddr(2 * PAGE_BYTES), sizeBytes: PAGE_BYTES };
  const next: PhysRange = { start: physAddr(4 * PAGE_BYTES), sizeBytes: PAGE_BYTES };

  it("the second unmap of a range, when another has its addresses by now", () => {
    const { bench, ops, device } = mappings();
    const stale = ops.mapRange(device, page, "bidirectional");
    if (!stale.ok) throw new Error(stale.reason);
    ops.unmapRange(device, stale.value, "bidirectional");
    bench.system.units.flush();
    const owner = ops.mapRange(device, next, "bidirectional");
    if (!owner.ok) throw new Error(owner.reason);
    // With an IOMMU the freed address is the first that is taken again.
    if (iommu !== "off") expect(owner.value.address).toBe(stale.value.address);
    const before = leftIn(bench);
    expect(() => ops.unmapRange(device, stale.value, "bidirectional")).toThrow("unmapped twice, or never made");
    expect(() => ops.unmapRange(device, { ...owner.value }, "bidirectional")).toThrow("unmapped twice, or never made");
    expect(() => ops.unmapProviderRanges(device, [owner.value, stale.value], "bidirectional")).toThrow(
      "unmapped twice",
    );
    expect(leftIn(bench)).toEqual(before);
    expect(bench.system.fabric.write(device.bdf, owner.value.address, Uint8Array.of(7))).toBe("delivered");
    expect(bench.system.fabric.dram.slice(next.start, 1)).toEqual(Uint8Array.of(7));
  });

  it("a list that is not mapped, and a copy of one that is", () => {
    const { bench, ops, device } = mappings();
    const list = scatterlist([page]);
    expect(() => ops.unmapList(device, list, "to-device")).toThrow("unmapped twice, or never made");
    expect(ops.mapList(device, list, "to-device").ok).toBe(true);
    const before = leftIn(bench);
    expect(() => ops.unmapList(device, { ...list }, "to-device")).toThrow("unmapped twice, or never made");
    expect(leftIn(bench)).toEqual(before);
    ops.unmapList(device, list, "to-device");
    expect(() => ops.unmapList(device, list, "to-device")).toThrow("unmapped twice, or never made");
  });

  it("what another device has mapped, or in another direction", () => {
    const { bench, ops, device, other } = mappings();
    const list = scatterlist([page]);
    expect(ops.mapList(device, list, "to-device").ok).toBe(true);
    const before = leftIn(bench);
    expect(() => ops.unmapList(other, list, "to-device")).toThrow(
      /mapped for 0000:05:00.0, to-device, and unmapped for/,
    );
    expect(() => ops.unmapList(device, list, "from-device")).toThrow(/unmapped for 0000:05:00.0, from-device/);
    expect(leftIn(bench)).toEqual(before);
    ops.unmapList(device, list, "to-device");
  });

  it("addresses written over in the DMA side of a list do no harm: what the list took is given back", () => {
    const { bench, ops, device } = mappings();
    const [list, other] = [scatterlist([page]), scatterlist([next])];
    expect([ops.mapList(device, list, "to-device").ok, ops.mapList(device, other, "to-device").ok]).toEqual([
      true,
      true,
    ]);
    list.dmaAddress.set(other.dmaAddress);
    ops.unmapList(device, list, "to-device");
    const [entry] = dmaEntries(other);
    expect(bench.system.fabric.read(device.bdf, entry?.address as never, new Uint8Array(8))).toBe("delivered");
    ops.unmapList(device, other, "to-device");
    expect(leftIn(bench)[0]).toBe(0);
  });
});

describe("A call that throws leaves nothing", () => {
  /** Host bridges that no source names: whether Linux trusts them is unknown, and the rules throw. */
  const machine = readScenario(
    `
scenario: t
kernel: 7.2
iommu: { mode: strict, kind: intel }
hostBridges:
  - below:
      - rootPort: { id: "8086:3420" }
        below: [ { accel: { name: x, bars: { 0: "1M" } } } ]
      - rootPort: { id: "8086:3420" }
        below: [ { nic: { name: client } } ]
`,
    "unknown-verdict.yaml",
  );

  function exported(): { readonly system: System; readonly buffer: DmaBuf; readonly vfio: VfioDevice } {
    const system = buildSystem(machine);
    const hardware = { reset() {}, setMemoryDecode() {}, disable() {}, remove() {} };
    const vfio = new VfioDevice({ bdf: bdfOf(machine, "x"), bars: [providerOf(machine, "x", 0)], hardware });
    vfio.open();
    const buffer = vfio.exportRanges(0, [{ start: 0, sizeBytes: PAGE_BYTES }]);
    if (!buffer.ok) throw new Error(buffer.reason);
    return { system, buffer: buffer.value, vfio };
  }

  it.each(["on-demand", "pinned-revocable"] as const)("register (%s) with a verdict that is unknown", (mode) => {
    const { system, buffer, vfio } = exported();
    const client = bdfOf(machine, "client");
    const device = system.deviceOf(client);
    expect(() => RdmaRegion.register({ name: "mr", buffer, device, dma: system.opsOf(client), mode })).toThrow(
      "is unknown",
    );
    expect(buffer).toMatchObject({ references: 1, attachments: [], pinnedBy: [], mappedBy: [] });
    expect(vfio.reset().isDone).toBe(true);
    buffer.put();
    expect(buffer.references).toBe(0);
  });

  it("mapList, mapRange and mapProviderRanges with a verdict that is unknown", () => {
    const { provider, range } = providerOf(machine, "x", 0);
    const system = buildSystem(machine, { peerMemory: [{ fn: "x", bar: 0 }] });
    const client = bdfOf(machine, "client");
    const [ops, device] = [system.opsOf(client), system.deviceOf(client)];
    const peer = { start: range.start, sizeBytes: PAGE_BYTES };
    const list = scatterlist([{ start: physAddr(PAGE_BYTES), sizeBytes: PAGE_BYTES }, peer]);
    expect(() => ops.mapList(device, list, "to-device")).toThrow("is unknown");
    expect(() => ops.mapRange(device, peer, "to-device")).toThrow("is unknown");
    expect(() => ops.mapProviderRanges(device, provider, [peer], "to-device")).toThrow("is unknown");
    const domain = system.units.dmaDomainOf(client);
    expect([list.dmaCount, domain?.mappedBytes, domain?.iovas.allocationCount]).toEqual([0, 0, 0]);
  });

  it("attach to a group in use: its user keeps it, whether a domain comes or a block", () => {
    const { units } = buildSystem(machine);
    const client = bdfOf(machine, "client");
    const domain = units.newDomain();
    units.attach(client, domain);
    expect(() => units.attach(client, "blocked")).toThrow("has another user's domain");
    expect(() => units.attach(client, units.newDomain())).toThrow("has another user's domain");
    expect(units.domainOf(client)).toBe(domain);
  });
});

describe("Memory of one BAR has one owner at a time", () => {
  const machine = readScenario(
    `
scenario: t
cpu: amd-zen
kernel: 7.2
iommu: off
hostBridges: [ { below: [ { rootPort: {}, below: [ { gpu: { name: g, bar: 16M } } ] } ] } ]
`,
    "gpu.yaml",
  );
  const gpu = bdfOf(machine, "g");

  it("a GPU whose whole BAR is p2pmem allocates from the pool, and neither hands out a page of the other", () => {
    const system = buildSystem(machine, { peerMemory: [{ fn: gpu, bar: 1 }] });
    const driver = new Gpu(system, gpu, { bar: 1 });
    const pool = system.pools.get(gpu);
    const ranges = [
      driver.alloc(PAGE_BYTES),
      pool?.alloc(PAGE_BYTES),
      driver.alloc(PAGE_BYTES),
      pool?.alloc(PAGE_BYTES),
    ];
    expect(new Set(ranges.map((range) => range?.start)).size).toBe(4);
    expect(pool?.pagesInUse).toBe(4);
    driver.free(ranges[0] as PhysRange);
    expect(pool?.pagesInUse).toBe(3);
    expect(driver.alloc(16 * MIB)).toBeNull();
  });

  it("beside a pool of a part of the BAR, the driver keeps out of that part while it has pages of its own", () => {
    const system = buildSystem(machine, { peerMemory: [{ fn: gpu, bar: 1, offset: 2 * MIB, sizeBytes: 4 * MIB }] });
    const driver = new Gpu(system, gpu, { bar: 1 });
    const { start } = driver.range;
    const taken = [driver.alloc(2 * MIB), driver.alloc(8 * MIB), driver.alloc(2 * MIB)];
    expect(taken.map((range) => (range?.start ?? 0) - start)).toEqual([0, 6 * MIB, 14 * MIB]);
    // The rest is the pool's.
    expect((driver.alloc(MIB)?.start ?? 0) - start).toBe(2 * MIB);
    expect(system.pools.get(gpu)?.availableBytes).toBe(3 * MIB);
  });

  it("what the driver has handed out becomes no peer memory until it is back, and no other driver's", () => {
    const system = buildSystem(machine);
    const [driver, second] = [new Gpu(system, gpu, { bar: 1 }), new Gpu(system, gpu, { bar: 1 })];
    const range = driver.alloc(PAGE_BYTES) as PhysRange;
    expect(second.alloc(PAGE_BYTES)?.start).toBe(range.start + PAGE_BYTES);
    expect(() => enableP2p(system.maps, machine, gpu, 1)).toThrow("a driver has handed out a part of the range");
    expect(() => enableP2p(system.maps, machine, gpu, 1, { sizeBytes: PAGE_BYTES })).toThrow("has handed out a part");
    driver.free(range);
    expect(() => driver.free(range)).toThrow("is not handed out");
    const pool = enableP2p(system.maps, machine, gpu, 1, { sizeBytes: PAGE_BYTES });
    expect(pool.alloc(PAGE_BYTES)).toEqual(range);
  });

  it("memory that is enabled after the system was built is found in it, until it is removed", () => {
    const system = buildSystem(machine);
    expect(system.pools.get(gpu)).toBeUndefined();
    const pool = enableP2p(system.maps, machine, gpu, 1, { sizeBytes: 2 * MIB });
    expect(system.pools.get(gpu)).toBe(pool);
    // A second part goes to the pool that the function has.
    expect(enableP2p(system.maps, machine, gpu, 1, { offset: 4 * MIB, sizeBytes: 2 * MIB })).toBe(pool);
    expect(pool.sizeBytes).toBe(4 * MIB);
    const held = pool.alloc(PAGE_BYTES) as PhysRange;
    expect(pool.remove("wait")).toBe("leaving");
    pool.free(held);
    expect(system.pools.get(gpu)).toBeUndefined();
    expect(enableP2p(system.maps, machine, gpu, 1)).not.toBe(pool);
  });

  it("a part outside of the BAR is no resource of a pool", () => {
    const system = buildSystem(machine);
    const { provider, range } = providerOf(machine, gpu, 1);
    const pool = enableP2p(system.maps, machine, gpu, 1, { sizeBytes: PAGE_BYTES });
    const beyond = { start: (range.start + range.sizeBytes) as PhysAddr, sizeBytes: PAGE_BYTES };
    expect(() => pool.addResource(provider, beyond)).toThrow("are not in BAR 1");
  });
});
