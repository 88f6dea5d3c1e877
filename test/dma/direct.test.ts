import { describe, expect, it } from "vitest";
import { directOps } from "../../src/dma/direct.ts";
import { dmaEntries, scatterlist } from "../../src/dma/scatterlist.ts";
import { noCost } from "../../src/memory/cost.ts";
import { physAddr } from "../../src/pci/addresses.ts";
import { device, FakePages, provider, range, rules } from "./fake-memory.ts";

const near = provider(0, 0x10_0000_0000);
const far = provider(1, -0x1000_0000);
const third = provider(2, 0);
const pages = new FakePages([
  { start: 0, sizeBytes: 0x9000_0000, kind: "ram" },
  { start: 0x2_0000_0000, sizeBytes: 0x1000_0000, kind: "ram" },
  { start: 0xc000_0000, sizeBytes: 0x100_0000, kind: "peer", provider: near },
  { start: 0xd000_0000, sizeBytes: 0x100_0000, kind: "peer", provider: far },
  { start: 0xe000_0000, sizeBytes: 0x100_0000, kind: "peer", provider: third },
  { start: 0xf000_0000, sizeBytes: 0x1000, kind: "private" },
  { start: 0xf100_0000, sizeBytes: 0x1000, kind: "coherent" },
]);

function setUp() {
  const table = rules(
    new Map([
      [near, "bus-addr"],
      [far, "thru-host-bridge"],
      [third, "not-supported"],
    ]),
  );
  const cost = noCost();
  return { table, cost, ops: directOps({ pages, decide: table.decide, cost }) };
}

function list(...entries: readonly (readonly [number, number])[]) {
  return scatterlist(entries.map(([phys, lengthBytes]) => ({ start: physAddr(phys), sizeBytes: lengthBytes })));
}

describe("Direct mapping", () => {
  it("gives RAM its physical address plus what the host bridge adds, of either sign", () => {
    const { ops } = setUp();
    for (const ramBusOffset of [0, 0x8000_0000_0000, -0x1000]) {
      const one = list([0x4000, 100]);
      expect(ops.mapList(device({ ramBusOffset }), one, "to-device")).toEqual({ ok: true, value: 1 });
      expect(dmaEntries(one)).toEqual([{ address: 0x4000 + ramBusOffset, lengthBytes: 100, isBus: false }]);
    }
  });

  it("gives a peer its bus address, or through the host bridge the address that RAM would have there", () => {
    const { ops } = setUp();
    const mixed = list([0x4000, 16], [0xc000_1000, 4096], [0xd000_0800, 512]);
    expect(ops.mapList(device({ ramBusOffset: 0x1000_0000 }), mixed, "bidirectional").ok).toBe(true);
    expect(dmaEntries(mixed)).toEqual([
      { address: 0x1000_4000, lengthBytes: 16, isBus: false },
      { address: 0x10_c000_1000, lengthBytes: 4096, isBus: true },
      { address: 0xe000_0800, lengthBytes: 512, isBus: false },
    ]);
    ops.unmapList(device(), mixed, "bidirectional");
    expect(mixed.dmaCount).toBe(0);
  });

  it("asks the rules once per provider and client, and looks pagemaps up only for peer pages", () => {
    const { ops, table, cost } = setUp();
    const mixed = list([0xc000_0000, 1], [0xc000_1000, 1], [0x4000, 1], [0xd000_0000, 1], [0xc000_2000, 1]);
    const { touches, lookups } = pages;
    ops.mapList(device(), mixed, "to-device");
    ops.unmapList(device(), mixed, "to-device");
    ops.mapList(device(), mixed, "to-device");
    expect(table.asked).toBe(2);
    expect([pages.touches - touches, pages.lookups - lookups]).toEqual([10, 8]);
    expect(cost).toMatchObject({
      mapTypeDecisions: 2,
      listPasses: 3,
      segmentVisits: 15,
    });
  });

  it("refuses the whole list with EREMOTEIO for one peer that cannot be reached", () => {
    const { ops } = setUp();
    const mixed = list([0x4000, 16], [0xe000_0000, 16]);
    const result = ops.mapList(device(), mixed, "to-device");
    expect(result).toMatchObject({ ok: false, errno: "EREMOTEIO" });
    expect(result).toHaveProperty(
      "reason",
      "0000:05:00.0 cannot reach the peer memory of 0000:03:00.2 at physical address 0xe0000000",
    );
    expect(mixed.dmaCount).toBe(0);
  });

  it("refuses with EIO what the device cannot issue: RAM, and a bus address too", () => {
    const { ops } = setUp();
    expect(ops.mapList(device({ maskBits: 32 }), list([0x2_0000_0000, 1]), "to-device")).toMatchObject({
      errno: "EIO",
    });
    expect(ops.mapList(device({ maskBits: 32 }), list([0xc000_0000, 1]), "to-device")).toMatchObject({ errno: "EIO" });
    expect(ops.mapList(device({ maskBits: 31 }), list([0x7fff_f000, 4096]), "to-device").ok).toBe(true);
    expect(ops.mapList(device({ maskBits: 31 }), list([0x7fff_f000, 4097]), "to-device")).toMatchObject({
      errno: "EIO",
    });
    expect(ops.mapRange(device({ ramBusOffset: -0x10000 }), range(0x4000, 1), "to-device")).toMatchObject({
      errno: "EIO",
    });
  });

  it("refuses holes and private device memory with EINVAL, takes coherent device memory as RAM", () => {
    const { ops } = setUp();
    for (const phys of [0x9000_0000, 0xf000_0000]) {
      expect(ops.mapList(device(), list([phys, 1]), "to-device")).toMatchObject({ errno: "EINVAL" });
      expect(ops.mapRange(device(), range(phys, 1), "to-device")).toMatchObject({ errno: "EINVAL" });
    }
    expect(ops.mapList(device(), list([0xf100_0000, 1]), "to-device").ok).toBe(true);
  });

  it("refuses an empty list, and throws for one that is mapped already or has an entry without bytes", () => {
    const { ops } = setUp();
    expect(ops.mapList(device(), list(), "to-device")).toMatchObject({ errno: "EINVAL" });
    const mapped = list([0x4000, 1]);
    ops.mapList(device(), mapped, "to-device");
    expect(() => ops.mapList(device(), mapped, "to-device")).toThrow("mapped already");
    expect(() => list([0x4000, 0])).toThrow("entry 0 of the scatterlist");
  });

  it("maps a range as a list of one would be", () => {
    const { ops } = setUp();
    const bus = ops.mapRange(device(), range(0xc000_0010, 32), "to-device");
    expect(bus).toEqual({ ok: true, value: { address: 0x10_c000_0010, lengthBytes: 32, isBus: true } });
    expect(ops.mapRange(device(), range(0xe000_0000, 32), "to-device")).toMatchObject({ errno: "EREMOTEIO" });
    expect(ops.mapRange(device(), range(0x4000, 0), "to-device")).toMatchObject({ errno: "EINVAL" });
  });

  it("maps a resource at its CPU address, which is wrong where a bus or the host bridge adds an offset", () => {
    const { ops, table } = setUp();
    const resource = ops.mapResource(device({ ramBusOffset: 0x1000 }), range(0xc000_0000, 4096), "to-device");
    expect(resource).toEqual({ ok: true, value: { address: 0xc000_0000, lengthBytes: 4096, isBus: false } });
    expect(table.asked).toBe(0);
  });

  it("maps page-less ranges one by one, by the provider alone", () => {
    const { ops } = setUp();
    const ranges = [range(0xc000_0000, 4096), range(0xc001_0000, 8192)];
    const bus = ops.mapProviderRanges(device(), near, ranges, "bidirectional");
    expect(bus).toEqual({
      ok: true,
      value: [
        { address: 0x10_c000_0000, lengthBytes: 4096, isBus: true },
        { address: 0x10_c001_0000, lengthBytes: 8192, isBus: true },
      ],
    });
    const through = ops.mapProviderRanges(device({ ramBusOffset: 0x1000 }), far, [range(0xd000_0000, 64)], "to-device");
    expect(through).toEqual({ ok: true, value: [{ address: 0xd000_1000, lengthBytes: 64, isBus: false }] });
    expect(ops.mapProviderRanges(device(), third, ranges, "to-device")).toMatchObject({ errno: "EINVAL" });
    expect(ops.mapProviderRanges(device({ maskBits: 32 }), near, ranges, "to-device")).toMatchObject({ errno: "EIO" });
    expect(ops.mapProviderRanges(device(), near, [], "to-device")).toMatchObject({ errno: "EINVAL" });
  });
});
