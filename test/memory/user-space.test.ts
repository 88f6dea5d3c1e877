import { beforeEach, describe, expect, it } from "vitest";
import { P2pPool } from "../../src/memory/p2p-pool.ts";
import { PageMaps } from "../../src/memory/page-maps.ts";
import { PagePool } from "../../src/memory/page-pool.ts";
import type { PinnedPages } from "../../src/memory/pinned-pages.ts";
import type { UserErrno, UserResult } from "../../src/memory/user-result.ts";
import { UserSpace } from "../../src/memory/user-space.ts";
import { type PhysRange, physAddr } from "../../src/pci/addresses.ts";
import { makeBdf } from "../../src/pci/bdf.ts";

const PAGE = 4096;
const owner = makeBdf(0, 3, 0, 0);
const BAR: PhysRange = { start: physAddr(0xc000_0000), sizeBytes: 8 * PAGE };
const provider = { owner, bar: 0, busOffset: 0, range: BAR };

let maps: PageMaps;
let pool: P2pPool;
let ram: PagePool;
let user: UserSpace;
beforeEach(() => {
  maps = new PageMaps();
  pool = new P2pPool(maps, owner);
  pool.addResource(provider, BAR);
  pool.publish();
  ram = new PagePool(maps, "ram");
  ram.addRange({ start: physAddr(0), sizeBytes: 8 * PAGE }, null);
  user = new UserSpace(maps);
});

function succeeded<T>(result: UserResult<T>): T {
  if (!result.ok) throw new Error(`${result.errno}: ${result.reason}`);
  return result.value;
}

function errnoOf(result: UserResult<unknown>): UserErrno | "none" {
  return result.ok ? "none" : result.errno;
}

function pin(address: number, count: number): PinnedPages {
  return succeeded(user.getUserPages(address, count, { peer: true }));
}

describe("Mapping peer memory", () => {
  it("Pages come from the pool and go back with the mapping", () => {
    const address = succeeded(user.mmapPool(pool, { sizeBytes: 3 * PAGE - 1 }));
    expect(user.resolve(address + 5000)).toBe(BAR.start + 5000);
    expect(pool.availableBytes).toBe(5 * PAGE);
    expect(errnoOf(user.munmap(address, 3 * PAGE))).toBe("none");
    expect(user.resolve(address)).toBeNull();
    expect(pool.availableBytes).toBe(8 * PAGE);
  });

  it("Only shared mappings at offset 0 that fit are possible, and only where user space may", () => {
    expect(errnoOf(user.mmapPool(pool, { sizeBytes: PAGE, shared: false }))).toBe("EINVAL");
    expect(errnoOf(user.mmapPool(pool, { sizeBytes: PAGE, offset: PAGE }))).toBe("EINVAL");
    expect(errnoOf(user.mmapPool(pool, { sizeBytes: 0 }))).toBe("EINVAL");
    expect(errnoOf(user.mmapPool(pool, { sizeBytes: 9 * PAGE }))).toBe("ENOMEM");
    const kernelOnly = new P2pPool(maps, owner, { kernelUsersOnly: true });
    const other: PhysRange = { start: physAddr(0xd000_0000), sizeBytes: PAGE };
    kernelOnly.addResource({ owner, bar: 1, busOffset: 0, range: other }, other);
    expect(errnoOf(user.mmapPool(kernelOnly, { sizeBytes: PAGE }))).toBe("EPERM");
    expect(kernelOnly.alloc(PAGE)).not.toBeNull();
    expect(pool.pagesInUse).toBe(0);
  });

  it("A part of a mapping goes alone, and what is not mapped is passed over", () => {
    const address = succeeded(user.mmapPool(pool, { sizeBytes: 4 * PAGE }));
    succeeded(user.munmap(address + PAGE, PAGE));
    expect([0, 1, 2, 3].map((page) => user.resolve(address + page * PAGE))).toEqual([
      BAR.start,
      null,
      BAR.start + 2 * PAGE,
      BAR.start + 3 * PAGE,
    ]);
    expect(pool.alloc(PAGE)).toEqual({ start: BAR.start + PAGE, sizeBytes: PAGE });
    succeeded(user.munmap(address - 10 * PAGE, 100 * PAGE));
    expect(pool.pagesInUse).toBe(1);
    expect(errnoOf(user.munmap(address + 1, PAGE))).toBe("EINVAL");
    expect(errnoOf(user.munmap(address, 100))).toBe("EINVAL");
  });

  it("RAM and pages of other owners are mapped beside it, private device memory is not", () => {
    const persistent = { start: physAddr(2 ** 40), sizeBytes: 2 * PAGE };
    const unreachable = { start: physAddr(2 ** 41), sizeBytes: 2 * PAGE };
    maps.add({ range: persistent, kind: "persistent", provider: null });
    maps.add({ range: unreachable, kind: "private", provider: null });
    maps.handOut(persistent);
    maps.handOut(unreachable);
    const inRam = succeeded(user.mmapRam(ram, PAGE));
    const inPersistent = succeeded(user.mmapPages(persistent));
    expect(errnoOf(user.mmapPages(unreachable))).toBe("EINVAL");
    expect(errnoOf(user.mmapPages({ start: BAR.start, sizeBytes: PAGE }))).toBe("EINVAL");
    expect(errnoOf(user.mmapPages({ start: physAddr(2 ** 45), sizeBytes: PAGE }))).toBe("EFAULT");
    expect(errnoOf(user.mmapPages({ start: physAddr(2 ** 40 + 1), sizeBytes: PAGE }))).toBe("EINVAL");
    expect(errnoOf(user.mmapRam(ram, 8 * PAGE))).toBe("ENOMEM");
    const pinned = succeeded(user.getUserPages(inRam, 2, { peer: false }));
    user.exit();
    pinned.unpin();
    expect(maps.referencesAt(persistent.start)).toBe(1);
    expect(user.resolve(inPersistent)).toBeNull();
  });
});

describe("Pages of a user mapping", () => {
  it("Peer pages are for callers that take them, RAM is for all", () => {
    const peer = succeeded(user.mmapPool(pool, { sizeBytes: PAGE }));
    const inRam = succeeded(user.mmapRam(ram, PAGE));
    expect(errnoOf(user.getUserPages(peer, 1, { peer: false }))).toBe("EREMOTEIO");
    expect(errnoOf(user.getUserPages(inRam, 1, { peer: false }))).toBe("none");
    const both = pin(peer + 77, 2);
    expect(both.ranges).toEqual([
      { start: BAR.start, sizeBytes: PAGE },
      { start: 0, sizeBytes: PAGE },
    ]);
    expect(both.count).toBe(2);
  });

  it("A hole refuses all pages, and none stays taken", () => {
    const address = succeeded(user.mmapPool(pool, { sizeBytes: 2 * PAGE }));
    expect(errnoOf(user.getUserPages(address, 3, { peer: true }))).toBe("EFAULT");
    expect(errnoOf(user.getUserPages(0, 1, { peer: true }))).toBe("EFAULT");
    expect(errnoOf(user.getUserPages(address, 0, { peer: true }))).toBe("EINVAL");
    expect(maps.referencesAt(BAR.start)).toBe(1);
  });

  it("A pinned page is not given to anyone after munmap, until the pin goes", () => {
    const address = succeeded(user.mmapPool(pool, { sizeBytes: 8 * PAGE }));
    const pinned = pin(address + 3 * PAGE, 2);
    user.exit();
    expect(pool.alloc(4 * PAGE)).toBeNull();
    expect(pool.availableBytes).toBe(6 * PAGE);
    pinned.unpin();
    expect(pinned.isPinned).toBe(false);
    expect(() => pinned.unpin()).toThrowError(/not pinned any more/);
    expect(pool.alloc(8 * PAGE)).toEqual(BAR);
  });
});

describe("Removal", () => {
  it("Waiting takes no new users and ends with the last reference", () => {
    const address = succeeded(user.mmapPool(pool, { sizeBytes: 2 * PAGE }));
    const buffer = pool.alloc(PAGE);
    const pinned = pin(address, 1);
    let removals = 0;
    expect(pool.remove("wait", () => removals++)).toBe("leaving");
    expect(pool.alloc(PAGE)).toBeNull();
    expect(pool.allocScatterlist(PAGE)).toBeNull();
    expect(pool).toMatchObject({ isPublished: false, availableBytes: 0 });
    expect(errnoOf(user.mmapPool(pool, { sizeBytes: PAGE }))).toBe("ENODEV");
    expect(errnoOf(user.mmapPool(pool, { sizeBytes: PAGE, shared: false }))).toBe("EINVAL");
    expect(errnoOf(user.getUserPages(address, 1, { peer: true }))).toBe("EFAULT");
    expect(() => pool.publish()).toThrowError(/is leaving/);
    // Whoever was there before goes on.
    expect(user.resolve(address)).toBe(BAR.start);
    if (buffer !== null) pool.free(buffer);
    succeeded(user.munmap(address, 2 * PAGE));
    expect([pool.state, removals]).toEqual(["leaving", 0]);
    pinned.unpin();
    expect([pool.state, removals]).toEqual(["removed", 1]);
    expect(maps.kindAt(BAR.start)).toBeNull();
  });

  it("Revoking takes the mappings away at once and waits for pins and kernel users", () => {
    const address = succeeded(user.mmapPool(pool, { sizeBytes: 2 * PAGE }));
    const pinned = pin(address + PAGE, 1);
    expect(pool.remove("revoke")).toBe("leaving");
    expect(user.resolve(address)).toBeNull();
    expect(errnoOf(user.getUserPages(address, 1, { peer: true }))).toBe("EFAULT");
    expect(pool.pagesInUse).toBe(1);
    pinned.unpin();
    expect(pool.state).toBe("removed");
    expect(pool.remove("revoke")).toBe("removed");
  });

  it("A removal that waits can be made to revoke", () => {
    succeeded(user.mmapPool(pool, { sizeBytes: PAGE }));
    expect(pool.remove("wait")).toBe("leaving");
    expect(pool.remove("revoke")).toBe("removed");
  });

  it("A device without users is gone at once", () => {
    expect(pool.remove("wait")).toBe("removed");
    expect(maps.list()).toHaveLength(1);
  });

  it("A mapping of the old owner never reaches the next one, not even after its munmap", () => {
    const address = succeeded(user.mmapPool(pool, { sizeBytes: 4 * PAGE }));
    pool.remove("revoke", () => {
      const next = new P2pPool(maps, makeBdf(0, 4, 0, 0));
      next.addResource({ owner: next.owner, bar: 0, busOffset: 0, range: BAR }, BAR);
      next.alloc(8 * PAGE);
    });
    expect(maps.providerAt(BAR.start)?.owner).toBe(makeBdf(0, 4, 0, 0));
    expect(user.resolve(address)).toBeNull();
    expect(errnoOf(user.getUserPages(address, 1, { peer: true }))).toBe("EFAULT");
    succeeded(user.munmap(address, 4 * PAGE));
    expect(maps.referencesAt(BAR.start)).toBe(1);
  });
});
