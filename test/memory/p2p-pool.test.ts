import { beforeEach, describe, expect, it } from "vitest";
import { allocateForClients, type DistanceBetween, nearestPool } from "../../src/memory/allocate-for-clients.ts";
import { enableP2p } from "../../src/memory/enable-p2p.ts";
import { providerOf } from "../../src/memory/machine-bars.ts";
import { P2pPool } from "../../src/memory/p2p-pool.ts";
import { PageMaps } from "../../src/memory/page-maps.ts";
import { physicalMapOf } from "../../src/memory/physical-map.ts";
import { systemMemory } from "../../src/memory/system-memory.ts";
import { type PhysRange, physAddr } from "../../src/pci/addresses.ts";
import type { Bdf } from "../../src/pci/bdf.ts";
import { afterBoot } from "../../src/rules/boot-acs.ts";
import { decide } from "../../src/rules/verdict-table.ts";
import { exampleMachine, named } from "./machines.ts";

const PAGE = 4096;
const MIB = 2 ** 20;
const machine = afterBoot(exampleMachine("one-switch"));
const nvme0 = named(machine, "nvme0");
const nvme1 = named(machine, "nvme1");
const nvme2 = named(machine, "nvme2");
const cmb = providerOf(machine, nvme0, 2).range;

/** A part of the CMB, by pages. */
function part(first: number, count: number): PhysRange {
  return { start: physAddr(cmb.start + first * PAGE), sizeBytes: count * PAGE };
}

let maps: PageMaps;
beforeEach(() => {
  maps = new PageMaps();
});

describe("Enabling", () => {
  it("One call makes a BAR a provider: pages that say whose they are, and a published pool", () => {
    const pool = enableP2p(maps, machine, nvme0, 2);
    expect(maps.kindAt(cmb.start)).toBe("peer");
    expect(maps.providerAt(cmb.start)).toBe(providerOf(machine, nvme0, 2).provider);
    expect(pool).toMatchObject({ owner: nvme0, isPublished: true, state: "live", sizeBytes: 16 * MIB });
    expect(pool.availableBytes).toBe(16 * MIB);
    expect(maps.structPageBytes).toBe((16 * MIB * 64) / PAGE);
  });

  it("A part of a BAR has pages, the rest stays without", () => {
    enableP2p(maps, machine, nvme0, 2, { offset: 2 * PAGE, sizeBytes: 3 * PAGE, publish: false });
    expect([1, 2, 4, 5].map((page) => maps.kindAt(part(page, 1).start))).toEqual([null, "peer", "peer", null]);
  });

  it("A part of a page cannot be enabled, and nothing is left of the attempt", () => {
    const refused = expect.objectContaining({ code: "bad-input" });
    for (const options of [{ sizeBytes: 100 }, { offset: 100, sizeBytes: PAGE }, { sizeBytes: PAGE + 100 }]) {
      expect(() => enableP2p(maps, machine, nvme0, 2, options)).toThrow(refused);
    }
    expect(maps.kindAt(cmb.start)).toBeNull();
  });

  it("What is not in the BAR, not a BAR or enabled before is refused", () => {
    expect(() => enableP2p(maps, machine, nvme0, 2, { offset: 16 * MIB })).toThrowError(/are not in BAR 2/);
    expect(() => enableP2p(maps, machine, nvme0, 2, { offset: PAGE, sizeBytes: 16 * MIB })).toThrowError(
      /not in BAR 2/,
    );
    expect(() => enableP2p(maps, machine, nvme0, 2, { offset: -PAGE })).toThrowError(/are not in BAR 2/);
    expect(() => enableP2p(maps, machine, nvme0, 1)).toThrowError(/has no BAR 1/);
    enableP2p(maps, machine, nvme0, 2);
    expect(() => enableP2p(maps, machine, nvme0, 2)).toThrowError(/has pages already/);
  });

  it("A pool offers only its own function's memory", () => {
    const pool = new P2pPool(maps, nvme1);
    expect(() => enableP2p(maps, machine, nvme0, 2, { pool })).toThrowError(/cannot offer/);
  });
});

describe("Allocation", () => {
  it("Runs are the lowest that fit, whole pages, and come back for others", () => {
    const pool = enableP2p(maps, machine, nvme0, 2);
    expect(pool.alloc(1)).toEqual(part(0, 1));
    expect(pool.alloc(PAGE + 1)).toEqual(part(1, 2));
    expect(pool.availableBytes).toBe(16 * MIB - 3 * PAGE);
    pool.free(part(0, 1));
    expect(pool.alloc(2 * PAGE)).toEqual(part(3, 2));
    expect(pool.alloc(PAGE)).toEqual(part(0, 1));
    expect(pool.alloc(16 * MIB)).toBeNull();
  });

  it("An allocation is freed once, as a whole, by its pool", () => {
    const pool = enableP2p(maps, machine, nvme0, 2);
    pool.alloc(4 * PAGE);
    expect(() => pool.free(part(0, 3))).toThrowError(/has 16384 bytes, not 12288/);
    expect(() => pool.free(part(1, 3))).toThrowError(/no allocation starts/);
    expect(() => pool.free({ start: physAddr(0), sizeBytes: PAGE })).toThrowError(/no page of this pool/);
    pool.free(part(0, 4));
    expect(() => pool.free(part(0, 4))).toThrowError(/never made, or freed before/);
    expect(() => pool.alloc(0)).toThrowError(/no number of bytes/);
    expect(() => pool.allocScatterlist(Number.NaN)).toThrowError(/no number of bytes/);
  });

  it("A page that is pinned when its allocation is freed comes back when the pin goes", () => {
    const pool = enableP2p(maps, machine, nvme0, 2, { sizeBytes: 2 * PAGE });
    pool.alloc(2 * PAGE);
    maps.getPage(part(1, 1).start);
    pool.free(part(0, 2));
    expect(pool.alloc(2 * PAGE)).toBeNull();
    expect(pool.pagesInUse).toBe(1);
    maps.putPage(part(1, 1).start);
    expect(pool.alloc(2 * PAGE)).toEqual(part(0, 2));
  });

  it("A run never leaves its range, even where another range follows it", () => {
    const pool = enableP2p(maps, machine, nvme0, 2, { sizeBytes: 2 * PAGE });
    enableP2p(maps, machine, nvme0, 2, { pool, offset: 2 * PAGE, sizeBytes: 2 * PAGE });
    expect(pool.availableBytes).toBe(4 * PAGE);
    expect(pool.alloc(3 * PAGE)).toBeNull();
    expect(pool.alloc(2 * PAGE)).toEqual(part(0, 2));
    expect(pool.alloc(2 * PAGE)).toEqual(part(2, 2));
  });

  it("A scatterlist is one run where one fits, several where not, and nothing where there is not enough", () => {
    const pool = enableP2p(maps, machine, nvme0, 2, { sizeBytes: 6 * PAGE });
    const [a, b] = [pool.alloc(2 * PAGE), pool.alloc(PAGE)];
    const whole = pool.allocScatterlist(2 * PAGE + 5);
    expect(whole).toEqual([{ start: part(3, 1).start, sizeBytes: 2 * PAGE + 5 }]);
    pool.freeScatterlist(whole ?? []);
    if (a !== null) pool.free(a);
    const split = pool.allocScatterlist(4 * PAGE + 100);
    expect(split).toEqual([
      { start: part(3, 1).start, sizeBytes: 3 * PAGE },
      { start: part(0, 1).start, sizeBytes: PAGE + 100 },
    ]);
    expect(pool.allocScatterlist(PAGE)).toBeNull();
    pool.freeScatterlist(split ?? []);
    expect(pool.allocScatterlist(6 * PAGE)).toBeNull();
    expect(pool.availableBytes).toBe(5 * PAGE);
    if (b !== null) pool.free(b);
    expect(pool.allocScatterlist(6 * PAGE)).toHaveLength(1);
  });
});

describe("The choice at allocation time", () => {
  const distance: DistanceBetween = (provider, client) => decide(machine, provider, client).distance ?? -1;

  function poolsOf(...owners: Bdf[]): P2pPool[] {
    return owners.map((owner, index) => {
      const pool = new P2pPool(maps, owner);
      const range = { start: physAddr(2 ** 44 + index * MIB), sizeBytes: 4 * PAGE };
      pool.addResource({ owner, bar: 0, busOffset: 0, range }, range);
      pool.publish();
      return pool;
    });
  }

  it("The published pool at the smallest sum of distances provides", () => {
    const pools = poolsOf(nvme2, nvme0);
    expect(nearestPool(pools, [nvme1], distance, 0)).toEqual({ pool: pools[1], distance: 4 });
    pools[1]?.publish(false);
    expect(nearestPool(pools, [nvme1], distance, 0)?.pool).toBe(pools[0]);
    pools[0]?.publish(false);
    expect(nearestPool(pools, [nvme1], distance, 0)).toBeNull();
  });

  it("A pool that one client cannot reach, or no client, is no choice", () => {
    const refusing: DistanceBetween = (provider, client) => (client === nvme2 ? -1 : distance(provider, client));
    expect(nearestPool(poolsOf(nvme0), [nvme1, nvme2], refusing, 0)).toBeNull();
    expect(nearestPool([], [nvme1], distance, 0)).toBeNull();
    const pool = new P2pPool(new PageMaps(), nvme0);
    pool.publish();
    expect(nearestPool([pool], [], distance, 0)).toBeNull();
  });

  it("Ties are decided by the seed: alike for one seed, evenly over many", () => {
    const pools = poolsOf(nvme0, nvme1, nvme2);
    const chosen = (seed: number): Bdf | undefined => nearestPool(pools, [nvme0], () => 4, seed)?.pool.owner;
    expect(chosen(7)).toBe(chosen(7));
    const counts = new Map<Bdf | undefined, number>();
    for (let seed = 0; seed < 3000; seed++) counts.set(chosen(seed), (counts.get(chosen(seed)) ?? 0) + 1);
    expect(counts.size).toBe(3);
    for (const count of counts.values()) expect(count).toBeGreaterThan(900);
  });

  it("Without a provider, or with a full one, system memory provides, and says why", () => {
    const fallback = systemMemory(maps, physicalMapOf(machine, { ramBytes: 8 * MIB }));
    const pools = poolsOf(nvme0);
    const options = { fallback, seed: 1 };
    expect(allocateForClients(pools, [nvme1], distance, 4 * PAGE, options)).toMatchObject({
      source: "peer",
      distance: 4,
    });
    const full = allocateForClients(pools, [nvme1], distance, PAGE, options);
    expect(full).toMatchObject({ source: "ram", why: "pool-full", range: { start: 0 } });
    expect(maps.kindAt(physAddr(0))).toBe("ram");
    expect(allocateForClients([], [nvme1], distance, PAGE, options)).toMatchObject({
      source: "ram",
      why: "no-provider",
    });
    expect(allocateForClients(pools, [nvme1], distance, 9 * MIB, options)).toBeNull();
    expect(allocateForClients(pools, [nvme1], distance, PAGE, { seed: 1 })).toBeNull();
  });
});

describe("System memory", () => {
  it("RAM is allocated inside the bounds that a device needs", () => {
    const ram = systemMemory(maps, physicalMapOf(machine, { ramBytes: 4 * 2 ** 30 }));
    expect(ram.alloc(PAGE, { from: physAddr(2 ** 32) })).toEqual({ start: 2 ** 32, sizeBytes: PAGE });
    expect(ram.alloc(PAGE, { from: physAddr(PAGE + 1) })).toEqual({ start: 2 * PAGE, sizeBytes: PAGE });
    expect(ram.alloc(3 * 2 ** 30 - 3 * PAGE, { below: 2 ** 32 })).toEqual({
      start: 3 * PAGE,
      sizeBytes: 3 * 2 ** 30 - 3 * PAGE,
    });
    expect(ram.alloc(3 * PAGE, { below: 2 ** 32 })).toBeNull();
    expect(ram.alloc(2 * PAGE, { below: 2 ** 32 })).toEqual({ start: 0, sizeBytes: 2 * PAGE });
    expect(ram.alloc(PAGE, { from: physAddr(5 * 2 ** 30) })).toBeNull();
  });
});
