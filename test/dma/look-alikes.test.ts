import { expect, test } from "vitest";
import { scatterlist } from "../../src/dma/scatterlist.ts";
import { swiotlbOps } from "../../src/dma/swiotlb.ts";
import { noCost } from "../../src/memory/cost.ts";
import { type DmaAddr, physAddr } from "../../src/pci/addresses.ts";
import { rows } from "../rows.ts";
import { device, FakePages, provider, range, rules } from "./fake-memory.ts";

/**
 * Addresses that look like a bounce buffer's and are none, at each end of the pool. Unmapping copies and gives back only
 * what a bounce took; on a host bridge that adds an offset, an MMIO address may lie where the pool's bus side does.
 */
const POOL = 0x10_0000;
const POOL_BYTES = 0x1_0000;
const HIGH = 0x1_0000_0000;
const peer = provider(0, -0x2000_0000);
const pages = new FakePages([
  { start: 0, sizeBytes: 0x1000_0000, kind: "ram" },
  { start: HIGH, sizeBytes: 0x1000_0000, kind: "ram" },
  // Less what its provider adds it lies at the pool.
  { start: 0x2000_0000, sizeBytes: 0x1000_0000, kind: "peer", provider: peer },
]);

function setUp(ramBusOffset: number) {
  const copies: string[] = [];
  const memory = { copy: (from: number, to: number, bytes: number) => void copies.push(`${from} ${to} ${bytes}`) };
  const decide = rules(new Map([[peer, "bus-addr"]])).decide;
  const cost = noCost();
  const ops = swiotlbOps({ pages, decide, cost, memory, pool: range(POOL, POOL_BYTES) });
  return { ops, copies, cost, client: device({ maskBits: 32, ramBusOffset }) };
}

test.each(
  rows(`
    // offset of RAM | at                  | looks like
    0                | the byte before     | 0xfffff
    0                | the first byte      | 0x100000
    0                | a slot inside       | 0x100800
    0                | the last byte       | 0x10ffff
    0                | the byte behind     | 0x110000
    0x40000000       | the first byte      | 0x100000
    0x40000000       | the last byte       | 0x10ffff
  `),
)("offset %s: a resource at %s of the pool's bus side is not taken for a buffer", (offset, _at, place) => {
  const { ops, copies, client } = setUp(Number(offset));
  const resource = ops.mapResource(client, range(Number(place) + Number(offset), 1), "bidirectional");
  if (!resource.ok) throw new Error(resource.reason);
  expect(resource.value).toEqual({ address: Number(place) + Number(offset), lengthBytes: 1, isBus: false });
  const bounced = ops.mapRange(client, range(HIGH, 100), "from-device");
  if (!bounced.ok) throw new Error(bounced.reason);
  const used = ops.pool.usedBytes;
  const before = copies.length;
  ops.unmapRange(client, resource.value, "bidirectional");
  expect([copies.length, ops.pool.usedBytes]).toEqual([before, used]);
  // The real one is given back, and copied to where it came from.
  ops.unmapRange(client, bounced.value, "from-device");
  expect(copies.slice(before)).toEqual([`${POOL} ${HIGH} 100`]);
  expect(ops.pool.usedBytes).toBe(0);
});

test("A bus address of a peer that equals a buffer's is none, in a list and alone", () => {
  const { ops, copies, client } = setUp(0);
  const phys = physAddr(POOL + 0x2000_0000);
  const list = scatterlist([{ start: phys, sizeBytes: 4096 }]);
  expect(ops.mapList(client, list, "bidirectional").ok).toBe(true);
  expect([list.dmaAddress[0], list.dmaIsBus[0]]).toEqual([POOL, 1]);
  ops.unmapList(client, list, "bidirectional");
  const alone = ops.mapRange(client, range(phys, 4096), "bidirectional");
  if (!alone.ok) throw new Error(alone.reason);
  expect(alone.value).toEqual({ address: POOL, lengthBytes: 4096, isBus: true });
  ops.unmapRange(client, alone.value, "bidirectional");
  expect(copies).toEqual([]);
});

test("An address in the pool that was never mapped is not given back", () => {
  const { ops, client } = setUp(0);
  const direct = { address: (POOL + 0x800) as DmaAddr, lengthBytes: 1, isBus: false };
  expect(() => ops.unmapRange(client, direct, "to-device")).toThrow("unmapped twice, or never made");
});

test.each(
  rows(`
    // pool starts | bytes | is one
    0x100000       | 65536 | yes
    0x100000       | 4096  | yes
    0x100800       | 4096  | no
    0x100000       | 2048  | no
    0x100000       | 6144  | no
    0x100000       | 0     | no
  `),
)("a pool from %s of %s bytes: %s", (start, bytes, isOne) => {
  const make = () =>
    swiotlbOps({
      pages,
      decide: rules(new Map()).decide,
      memory: { copy: () => undefined },
      pool: { start: physAddr(Number(start)), sizeBytes: Number(bytes) },
    });
  if (isOne === "yes") expect(make().pool.usedBytes).toBe(0);
  else expect(make).toThrow("bounce buffers take whole pages of RAM");
});

test.each(
  rows(`
    // bytes  | slots of 2,048 | begins at a page
    1         | 1              | no
    2048      | 1              | no
    2049      | 2              | no
    4095      | 2              | no
    4096      | 2              | yes
    4097      | 3              | yes
    262144    | 128            | yes
  `),
)("%s bytes take %s slots, from a page on: %s", (bytes, slots, isAligned) => {
  const copies: number[] = [];
  const memory = { copy: (_from: number, to: number) => void copies.push(to) };
  const pool = range(POOL, 0x10_0000);
  const ops = swiotlbOps({ pages, decide: rules(new Map()).decide, memory, pool });
  const client = device({ maskBits: 32 });
  ops.mapRange(client, range(HIGH, 1), "to-device"); // One slot before it.
  const mapped = ops.mapRange(client, range(HIGH, Number(bytes)), "to-device");
  if (!mapped.ok) throw new Error(mapped.reason);
  expect(ops.pool.usedBytes).toBe(2048 * (1 + Number(slots)));
  expect(mapped.value.address).toBe(POOL + (isAligned === "yes" ? 4096 : 2048));
  expect([
    ops.pool.owns(POOL - 1),
    ops.pool.owns(POOL),
    ops.pool.owns(POOL + 0xf_ffff),
    ops.pool.owns(POOL + 0x10_0000),
  ]).toEqual([false, true, true, false]);
});
