import { describe, expect, it } from "vitest";
import { iommuOps } from "../../src/dma/iommu.ts";
import { dmaEntries, scatterlist } from "../../src/dma/scatterlist.ts";
import { FAULT_NO_WRITE, FAULT_NOT_PRESENT, IommuDomain } from "../../src/iommu/domain.ts";
import { noCost } from "../../src/memory/cost.ts";
import { type DmaAddr, type Iova, iova, PAGE_BYTES, physAddr } from "../../src/pci/addresses.ts";
import { device, domain, FakePages, provider, range, rules } from "./fake-memory.ts";

const near = provider(0, 0x10_0000_0000);
const far = provider(1, -0x1000_0000);
const third = provider(2, 0);
const pages = new FakePages([
  { start: 0, sizeBytes: 0x8000_0000, kind: "ram" },
  { start: 0xc000_0000, sizeBytes: 0x100_0000, kind: "peer", provider: near },
  { start: 0xd000_0000, sizeBytes: 0x100_0000, kind: "peer", provider: far },
  { start: 0xe000_0000, sizeBytes: 0x100_0000, kind: "peer", provider: third },
]);

/** Of 16 bits of IOVA space, all but two pages that do not touch. */
const TWO_PAGES_APART = [
  { start: 0x2000, sizeBytes: 0x1000, what: "" },
  { start: 0x4000, sizeBytes: 0xc000, what: "" },
];

function setUp(used: IommuDomain | null = domain()) {
  const table = rules(
    new Map([
      [near, "bus-addr"],
      [far, "thru-host-bridge"],
    ]),
  );
  const cost = used?.cost ?? noCost();
  const ops = iommuOps({ pages, decide: table.decide, cost, domains: { dmaDomainOf: () => used } });
  return { table, cost, ops, domain: used ?? domain() };
}

function list(...entries: readonly (readonly [number, number])[]) {
  return scatterlist(entries.map(([phys, lengthBytes]) => ({ start: physAddr(phys), sizeBytes: lengthBytes })));
}

function asIova(address: DmaAddr): Iova {
  return iova(address);
}

describe("Mapping with an IOMMU", () => {
  it("makes one entry of whole pages from anywhere, with one IOVA range and a call for each run of memory", () => {
    const { ops, cost, domain: used } = setUp();
    const many = list([0x5000, 4096], [0x1000, 8192], [0xd000_0000, 4096]);
    expect(ops.mapList(device(), many, "from-device")).toEqual({ ok: true, value: 1 });
    const [entry] = dmaEntries(many);
    expect(entry?.lengthBytes).toBe(4 * PAGE_BYTES);
    const at = asIova(entry?.address ?? (0 as DmaAddr));
    expect([0, 4096, 8192, 12288].map((offset) => used.resolve(iova(at + offset), true))).toEqual([
      0x5000, 0x1000, 0x2000, 0xd000_0000,
    ]);
    ops.unmapList(device(), many, "from-device");
    expect(used.mappedBytes).toBe(0);
    expect(used.iovas.allocationCount).toBe(0);
    expect(cost).toMatchObject({
      iommuMapCalls: 3,
      iommuUnmapCalls: 1,
      iommuFlushes: 1,
      iovaAllocations: 2,
      allocations: 0,
    });
  });

  it("merges only where the bytes go on: an entry that ends or begins inside a page stands alone", () => {
    const { ops } = setUp();
    const odd = list([0x5800, 0x800], [0x1000, 100], [0x2000, 4096], [0x3010, 16]);
    expect(ops.mapList(device(), odd, "to-device")).toEqual({ ok: true, value: 3 });
    const entries = dmaEntries(odd);
    expect(entries.map(({ lengthBytes }) => lengthBytes)).toEqual([0x800 + 100, 4096, 16]);
    expect(entries.map(({ address }) => address % PAGE_BYTES)).toEqual([0x800, 0, 0x10]);
  });

  it("leaves bus addresses outside of the IOVA range, in their place", () => {
    const { ops, domain: used } = setUp();
    const mixed = list([0x1000, 4096], [0xc000_0000, 4096], [0x2000, 4096], [0xc000_1000, 4096]);
    expect(ops.mapList(device(), mixed, "bidirectional")).toEqual({ ok: true, value: 4 });
    expect(dmaEntries(mixed).map(({ isBus }) => isBus)).toEqual([false, true, false, true]);
    expect(dmaEntries(mixed)[1]?.address).toBe(0x10_c000_0000);
    expect(used.mappedBytes).toBe(2 * PAGE_BYTES);
    ops.unmapList(device(), mixed, "bidirectional");
    expect(used.mappedBytes).toBe(0);
  });

  it("needs no IOVA for a list of bus addresses alone", () => {
    const { ops, cost } = setUp();
    const bus = list([0xc000_0000, 4096], [0xc000_1000, 4096]);
    expect(ops.mapList(device(), bus, "to-device")).toEqual({ ok: true, value: 2 });
    ops.unmapList(device(), bus, "to-device");
    expect(cost).toMatchObject({ iovaAllocations: 0, iommuMapCalls: 0, iommuUnmapCalls: 0, iommuFlushes: 0 });
  });

  it("permits what the direction says", () => {
    const { ops, domain: used } = setUp();
    const one = list([0x1000, 4096]);
    ops.mapList(device(), one, "to-device");
    const at = asIova(dmaEntries(one)[0]?.address ?? (0 as DmaAddr));
    expect(used.resolve(at, false)).toBe(0x1000);
    expect(used.resolve(at, true)).toBe(FAULT_NO_WRITE);
  });

  it("leaves domain and IOVA space as they were when a segment cannot be mapped", () => {
    const { ops, domain: used } = setUp();
    const before = used.iovas.freeRanges();
    const failures = [
      [list([0x1000, 4096], [0xe000_0000, 1]), "EREMOTEIO"],
      [list([0x1000, 4096], [0x9000_0000, 1]), "EINVAL"],
    ] as const;
    for (const [failing, errno] of failures) {
      expect(ops.mapList(device(), failing, "to-device")).toMatchObject({ ok: false, errno });
      expect(failing.dmaCount).toBe(0);
    }
    expect(ops.mapList(device({ maskBits: 32 }), list([0xc000_0000, 1]), "to-device")).toMatchObject({ errno: "EIO" });
    expect(ops.mapList(device({ maskBits: 12 }), list([0x1000, 1]), "to-device")).toMatchObject({ errno: "ENOMEM" });
    expect(used.iovas.freeRanges()).toEqual(before);
    expect(used.mappedBytes).toBe(0);
  });

  it("maps any MMIO as a resource, without asking for providers, and the device reaches it", () => {
    const { ops, table, domain: used } = setUp();
    const resource = ops.mapResource(device(), range(0xe000_0010, 32), "bidirectional");
    if (!resource.ok) throw new Error(resource.reason);
    expect(used.resolve(asIova(resource.value.address), true)).toBe(0xe000_0010);
    expect(table.asked).toBe(0);
    ops.unmapRange(device(), resource.value, "bidirectional");
    expect(used.iovas.allocationCount).toBe(0);
  });

  it("maps a range as a list of one would be", () => {
    const { ops, domain: used } = setUp();
    expect(ops.mapRange(device(), range(0xc000_0000, 32), "to-device")).toMatchObject({
      value: { address: 0x10_c000_0000, isBus: true },
    });
    expect(ops.mapRange(device(), range(0xe000_0000, 32), "to-device")).toMatchObject({ errno: "EREMOTEIO" });
    const ram = ops.mapRange(device(), range(0x1ff0, 32), "to-device");
    if (!ram.ok) throw new Error(ram.reason);
    expect(used.mappedBytes).toBe(2 * PAGE_BYTES);
    ops.unmapRange(device(), ram.value, "to-device");
    expect(used.mappedBytes).toBe(0);
  });

  it("links page-less ranges into one IOVA range where they go through the host bridge", () => {
    const { ops, cost, domain: used } = setUp();
    const ranges = [range(0xd000_0800, 0x800), range(0xd001_0000, 8192), range(0xd000_4000, 100)];
    const mapped = ops.mapProviderRanges(device(), far, ranges, "bidirectional");
    if (!mapped.ok) throw new Error(mapped.reason);
    expect(mapped.value).toHaveLength(1);
    const at = mapped.value[0]?.address ?? 0;
    expect([0, 0x800, 0x2800].map((offset) => used.resolve(iova(at + offset), true))).toEqual([
      0xd000_0800, 0xd001_0000, 0xd000_4000,
    ]);
    ops.unmapProviderRanges(device(), mapped.value, "bidirectional");
    expect(used.mappedBytes).toBe(0);
    expect(used.iovas.allocationCount).toBe(0);
    expect(cost).toMatchObject({ iommuMapCalls: 3, iommuUnmapCalls: 1, iommuFlushes: 1, iovaAllocations: 2 });
    expect(() => ops.unmapProviderRanges(device(), mapped.value, "bidirectional")).toThrow("unmapped twice");
  });

  it("undoes page-less ranges of which one begins inside a page behind another", () => {
    const { ops, domain: used } = setUp();
    const ranges = [range(0xd000_0000, 4096), range(0xd001_0800, 4096)];
    expect(ops.mapProviderRanges(device(), far, ranges, "to-device")).toMatchObject({ ok: false, errno: "EIO" });
    expect(used.mappedBytes).toBe(0);
    expect(used.iovas.allocationCount).toBe(0);
  });

  it("maps each page-less range by itself where no IOVA range is free for all, and none where one finds no place", () => {
    for (const invalidation of ["strict", "lazy"] as const) {
      const fragmented = new IommuDomain({ space: { addressBits: 16, reserved: TWO_PAGES_APART }, invalidation });
      const { ops } = setUp(fragmented);
      const ranges = [range(0xd000_0000, 4096), range(0xd000_4800, 100), range(0xd000_8000, 64)];
      expect(ops.mapProviderRanges(device(), far, ranges, "to-device")).toMatchObject({ ok: false, errno: "ENOMEM" });
      expect(fragmented.mappedBytes).toBe(0);
      fragmented.flush();
      expect(fragmented.iovas.allocationCount).toBe(0);
      const mapped = ops.mapProviderRanges(device(), far, ranges.slice(0, 2), "to-device");
      if (!mapped.ok) throw new Error(mapped.reason);
      expect(mapped.value.map(({ address }) => fragmented.resolve(asIova(address), false))).toEqual([
        0xd000_0000, 0xd000_4800,
      ]);
      ops.unmapProviderRanges(device(), mapped.value, "to-device");
      fragmented.flush();
      expect(fragmented.iovas.allocationCount).toBe(0);
      expect(() => ops.unmapProviderRanges(device(), mapped.value, "to-device")).toThrow("unmapped twice");
    }
  });

  it("gives page-less ranges their bus addresses without any IOVA", () => {
    const { ops, cost } = setUp();
    const mapped = ops.mapProviderRanges(device(), near, [range(0xc000_0000, 64), range(0xc000_8000, 64)], "to-device");
    expect(mapped).toMatchObject({ value: [{ address: 0x10_c000_0000 }, { address: 0x10_c000_8000, isBus: true }] });
    if (mapped.ok) ops.unmapProviderRanges(device(), mapped.value, "to-device");
    expect(cost.iovaAllocations).toBe(0);
    expect(ops.mapProviderRanges(device(), third, [range(0xe000_0000, 64)], "to-device")).toMatchObject({
      errno: "EINVAL",
    });
  });

  it("flushes once per queue in a lazy domain, and addresses are not used again before", () => {
    const lazy = domain("lazy", 4);
    const { ops, cost } = setUp(lazy);
    const seen = new Set<number>();
    for (let round = 0; round < 12; round++) {
      const one = list([0x1000, 4096]);
      ops.mapList(device(), one, "to-device");
      const address = dmaEntries(one)[0]?.address ?? (0 as DmaAddr);
      if (round < 4) seen.add(address);
      lazy.resolve(asIova(address), false);
      ops.unmapList(device(), one, "to-device");
    }
    expect(seen.size).toBe(4);
    expect(cost.iommuFlushes).toBe(2);
    lazy.flush();
    for (const address of seen) expect(lazy.resolve(iova(address), false)).toBe(FAULT_NOT_PRESENT);
    expect(lazy.iovas.allocationCount).toBe(0);
  });

  it("maps directly where no IOMMU translates the device", () => {
    const { ops, cost } = setUp(null);
    const mixed = list([0x1000, 4096], [0xc000_0000, 4096]);
    ops.mapList(device(), mixed, "to-device");
    expect(dmaEntries(mixed).map(({ address }) => address)).toEqual([0x1000, 0x10_c000_0000]);
    ops.unmapList(device(), mixed, "to-device");
    expect(
      ops.mapProviderRanges(device(), far, [range(0xd000_0000, 64), range(0xd000_1000, 64)], "to-device"),
    ).toMatchObject({ value: [{ address: 0xd000_0000 }, { address: 0xd000_1000 }] });
    expect(cost).toMatchObject({ iommuMapCalls: 0, iovaAllocations: 0, listPasses: 2 });
  });
});
