import { describe, expect, it } from "vitest";
import { MAX_BOUNCE_BYTES } from "../../src/dma/bounce-pool.ts";
import { dmaEntries, scatterlist } from "../../src/dma/scatterlist.ts";
import { swiotlbOps } from "../../src/dma/swiotlb.ts";
import { noCost } from "../../src/memory/cost.ts";
import { type PhysAddr, physAddr } from "../../src/pci/addresses.ts";
import { device, FakePages, provider, range, rules } from "./fake-memory.ts";

const HIGH = 0x1_0000_0000;
const POOL = 0x10_0000;
const peer = provider(0, 0x2000_0000);
const pages = new FakePages([
  { start: 0, sizeBytes: 0x8000_0000, kind: "ram" },
  { start: HIGH, sizeBytes: 0x1000_0000, kind: "ram" },
  { start: 0xc000_0000, sizeBytes: 0x100_0000, kind: "peer", provider: peer },
  { start: 0xf000_0000, sizeBytes: 0x100_0000, kind: "peer", provider: provider(1, HIGH) },
]);
const device32 = device({ maskBits: 32 });

/** Bytes of the two places that the tests look at. */
class Bytes {
  readonly low = new Uint8Array(0x10_0000);
  readonly high = new Uint8Array(0x10_0000);

  at(phys: number): { store: Uint8Array; offset: number } {
    return phys >= HIGH ? { store: this.high, offset: phys - HIGH } : { store: this.low, offset: phys - POOL };
  }

  copy(from: PhysAddr, to: PhysAddr, lengthBytes: number): void {
    const source = this.at(from);
    const target = this.at(to);
    target.store.set(source.store.subarray(source.offset, source.offset + lengthBytes), target.offset);
  }
}

function setUp(poolBytes = 0x10000) {
  const memory = new Bytes();
  const cost = noCost();
  const decide = rules(new Map([[peer, "thru-host-bridge"]])).decide;
  const ops = swiotlbOps({ pages, decide, cost, memory, pool: range(POOL, poolBytes) });
  return { memory, cost, ops };
}

function list(...entries: readonly (readonly [number, number])[]) {
  return scatterlist(entries.map(([phys, lengthBytes]) => ({ start: physAddr(phys), sizeBytes: lengthBytes })));
}

describe("Bounce buffers", () => {
  it("carry to the device what RAM beyond its mask holds", () => {
    const { ops, memory, cost } = setUp();
    memory.high.set([1, 2, 3], 0x123);
    const one = list([HIGH + 0x123, 3], [0x4000, 8]);
    expect(ops.mapList(device32, one, "to-device").ok).toBe(true);
    const [bounced, direct] = dmaEntries(one);
    expect(direct).toEqual({ address: 0x4000, lengthBytes: 8, isBus: false });
    const { store, offset } = memory.at(bounced?.address ?? 0);
    expect([...store.subarray(offset, offset + 3)]).toEqual([1, 2, 3]);
    store.set([9, 9, 9], offset);
    ops.unmapList(device32, one, "to-device");
    expect([...memory.high.subarray(0x123, 0x126)], "nothing comes back").toEqual([1, 2, 3]);
    expect(ops.pool.usedBytes).toBe(0);
    expect(cost.bouncedBytes).toBe(3);
  });

  it("carry back what the device wrote, and what it left as it was", () => {
    const { ops, memory, cost } = setUp();
    memory.high.set([1, 2, 3, 4]);
    const mapped = ops.mapRange(device({ maskBits: 32, ramBusOffset: 0x1000 }), range(HIGH, 4), "from-device");
    if (!mapped.ok) throw new Error(mapped.reason);
    const { store, offset } = memory.at(mapped.value.address - 0x1000);
    store.set([8, 9], offset);
    ops.unmapRange(device({ maskBits: 32, ramBusOffset: 0x1000 }), mapped.value, "from-device");
    expect([...memory.high.subarray(0, 4)]).toEqual([8, 9, 3, 4]);
    expect(cost.bouncedBytes).toBe(8);
    expect(ops.pool.usedBytes).toBe(0);
  });

  it("are not used for devices that reach all RAM", () => {
    const { ops, cost } = setUp();
    const one = list([HIGH, 4096]);
    ops.mapList(device(), one, "bidirectional");
    expect(dmaEntries(one)[0]?.address).toBe(HIGH);
    expect(cost.bouncedBytes).toBe(0);
  });

  it("pass a peer address through, and refuse one beyond the mask", () => {
    const { ops, cost } = setUp();
    const through = list([0xc000_0000, 4096]);
    expect(ops.mapList(device32, through, "to-device").ok).toBe(true);
    expect(dmaEntries(through)[0]?.address).toBe(0xc000_0000);
    expect(ops.mapList(device({ maskBits: 31 }), list([0xc000_0000, 4096]), "to-device")).toMatchObject({
      errno: "EIO",
    });
    expect(cost.bouncedBytes).toBe(0);
  });

  it("are all given back when a later segment cannot be mapped, without copying", () => {
    const { ops, memory } = setUp();
    const failing = list([HIGH, 4096], [HIGH + 8192, 100], [0xf000_0000, 1]);
    expect(ops.mapList(device32, failing, "bidirectional")).toMatchObject({ ok: false, errno: "EREMOTEIO" });
    expect(ops.pool.usedBytes).toBe(0);
    expect(memory.high.every((byte) => byte === 0)).toBe(true);
  });

  it("are all given back when the rules throw for a later segment", () => {
    const decide = () => {
      throw new Error("the verdict is unknown");
    };
    const ops = swiotlbOps({ pages, decide, memory: new Bytes(), pool: range(POOL, 0x10000) });
    const failing = list([HIGH, 4096], [0xc000_0000, 4096]);
    expect(() => ops.mapList(device32, failing, "to-device")).toThrow("the verdict is unknown");
    expect(ops.pool.usedBytes).toBe(0);
    expect(failing.dmaCount).toBe(0);
  });

  it("are all given back when a copy into one of them throws", () => {
    const { ops, memory } = setUp();
    const copy = memory.copy.bind(memory);
    memory.copy = (from, to, lengthBytes) => {
      if (from === HIGH + 8192) throw new Error("no memory");
      copy(from, to, lengthBytes);
    };
    expect(() => ops.mapRange(device32, range(HIGH + 8192, 4096), "to-device")).toThrow("no memory");
    expect(() => ops.mapList(device32, list([HIGH, 4096], [HIGH + 8192, 100]), "to-device")).toThrow("no memory");
    expect(ops.pool.usedBytes).toBe(0);
  });

  it("end with EIO when the pool is used up, too far away, or the segment too long", () => {
    const { ops } = setUp(0x2000);
    expect(ops.mapList(device32, list([HIGH, 4096], [HIGH, 4096], [HIGH, 1]), "to-device")).toMatchObject({
      errno: "EIO",
    });
    expect(ops.pool.usedBytes).toBe(0);
    expect(ops.mapRange(device({ maskBits: 16 }), range(HIGH, 1), "to-device")).toMatchObject({ errno: "EIO" });
    const large = setUp(0x8_0000);
    expect(large.ops.mapRange(device32, range(HIGH, MAX_BOUNCE_BYTES), "to-device").ok).toBe(true);
    expect(large.ops.mapRange(device32, range(HIGH, MAX_BOUNCE_BYTES + 1), "to-device")).toMatchObject({
      errno: "EIO",
      reason: expect.stringContaining("no bounce buffer"),
    });
  });

  it("begin at a page from one page on, and use slots again", () => {
    const { ops } = setUp(0x3000);
    for (let round = 0; round < 20; round++) {
      const small = ops.mapRange(device32, range(HIGH, 10), "to-device");
      const page = ops.mapRange(device32, range(HIGH, 4096), "to-device");
      if (!small.ok || !page.ok) throw new Error("full");
      expect(page.value.address % 4096).toBe(0);
      ops.unmapRange(device32, small.value, "to-device");
      ops.unmapRange(device32, page.value, "to-device");
      expect(ops.pool.usedBytes).toBe(0);
    }
  });

  it("throw for a buffer given back twice", () => {
    const { ops } = setUp();
    const mapped = ops.mapRange(device32, range(HIGH, 10), "to-device");
    if (!mapped.ok) throw new Error(mapped.reason);
    ops.unmapRange(device32, mapped.value, "to-device");
    expect(() => ops.unmapRange(device32, mapped.value, "to-device")).toThrow("unmapped twice, or never made");
  });

  it("are left alone by the unmap of a resource whose address looks like one", () => {
    const { ops } = setUp();
    const shifted = device({ maskBits: 34, ramBusOffset: 0xc000_0000 - POOL });
    const resource = ops.mapResource(shifted, range(0xc000_0000, 4096), "to-device");
    if (!resource.ok) throw new Error(resource.reason);
    expect(() => ops.unmapRange(shifted, resource.value, "to-device")).not.toThrow();
  });
});
