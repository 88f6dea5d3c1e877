import { describe, expect, it } from "vitest";
import { directOps } from "../../src/dma/direct.ts";
import { refusingOps } from "../../src/dma/refusing.ts";
import { dmaEntries, scatterlist } from "../../src/dma/scatterlist.ts";
import { physAddr } from "../../src/pci/addresses.ts";
import { device, FakePages, provider, range, rules } from "./fake-memory.ts";

const peer = provider(0, 0);
const pages = new FakePages([
  { start: 0, sizeBytes: 0x8000_0000, kind: "ram" },
  { start: 0xc000_0000, sizeBytes: 0x100_0000, kind: "peer", provider: peer },
]);
const beneath = directOps({ pages, decide: rules(new Map([[peer, "bus-addr"]])).decide });
const ops = refusingOps({ pages, beneath });

function list(...physical: readonly number[]) {
  return scatterlist(physical.map((phys) => ({ start: physAddr(phys), sizeBytes: 4096 })));
}

describe("A back end that refuses peers", () => {
  it("refuses a list with one peer page among many others", () => {
    const mixed = list(0x1000, 0x2000, 0xc000_0000);
    expect(ops.mapList(device(), mixed, "to-device")).toMatchObject({ ok: false, errno: "EREMOTEIO" });
    expect(mixed.dmaCount).toBe(0);
    expect(ops.mapRange(device(), range(0xc000_0000, 1), "to-device")).toMatchObject({ errno: "EREMOTEIO" });
  });

  it("does not take page-less ranges at all", () => {
    const ranges = [range(0xc000_0000, 4096)];
    expect(ops.mapProviderRanges(device(), peer, ranges, "to-device")).toMatchObject({ errno: "EOPNOTSUPP" });
    expect(() => ops.unmapProviderRanges(device(), [], "to-device")).not.toThrow();
  });

  it("maps everything else as what is beneath does", () => {
    const plain = list(0x1000, 0x5000);
    expect(ops.mapList(device(), plain, "to-device")).toEqual({ ok: true, value: 2 });
    expect(dmaEntries(plain).map(({ address }) => address)).toEqual([0x1000, 0x5000]);
    ops.unmapList(device(), plain, "to-device");
    expect(plain.dmaCount).toBe(0);
    const mapped = ops.mapRange(device(), range(0x1000, 8), "to-device");
    expect(mapped).toMatchObject({ value: { address: 0x1000 } });
    if (mapped.ok) ops.unmapRange(device(), mapped.value, "to-device");
    expect(ops.mapResource(device(), range(0xc000_0000, 8), "to-device")).toMatchObject({
      value: { address: 0xc000_0000 },
    });
    expect(ops.cost).toBe(beneath.cost);
  });
});
