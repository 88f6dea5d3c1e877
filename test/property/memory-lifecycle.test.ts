import fc from "fast-check";
import { expect, it } from "vitest";
import { P2pPool, type RemovalMode } from "../../src/memory/p2p-pool.ts";
import { PageMaps } from "../../src/memory/page-maps.ts";
import { PagePool } from "../../src/memory/page-pool.ts";
import type { PinnedPages } from "../../src/memory/pinned-pages.ts";
import type { UserErrno } from "../../src/memory/user-result.ts";
import { UserSpace } from "../../src/memory/user-space.ts";
import { PAGE_BYTES, type PhysRange, physAddr } from "../../src/pci/addresses.ts";
import { makeBdf } from "../../src/pci/bdf.ts";
import { expectSame } from "../expect-same.ts";

/** The parts of two BARs that the pool has, in pages; the second follows the first, which no run may notice. */
const PARTS = [
  { first: 0x1000, count: 7 },
  { first: 0x1007, count: 4 },
] as const;
const RAM = { first: 0, count: 5 };
const PROCESSES = 2;
/** Pages of each process's addresses that are looked at. */
const USER_PAGES = 60;

/** What can happen. Numbers choose among what is there, so that each list of commands means something. */
type Command =
  | { readonly do: "alloc" | "alloc list"; readonly pages: number }
  | { readonly do: "free" | "unpin"; readonly which: number }
  | { readonly do: "mmap" | "mmap ram"; readonly process: number; readonly pages: number }
  | { readonly do: "munmap"; readonly process: number; readonly page: number; readonly pages: number }
  | {
      readonly do: "pin";
      readonly process: number;
      readonly page: number;
      readonly pages: number;
      readonly peer: boolean;
    }
  | { readonly do: "exit"; readonly process: number }
  | { readonly do: "remove"; readonly mode: RemovalMode }
  | { readonly do: "next owner" };

const pages = fc.integer({ min: 1, max: 5 });
const process = fc.nat(PROCESSES - 1);
const page = fc.nat(24);
const which = fc.nat(20);
const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({ do: fc.constantFrom("alloc" as const, "alloc list" as const), pages }),
  { arbitrary: fc.record({ do: fc.constantFrom("free" as const, "unpin" as const), which }), weight: 2 },
  { arbitrary: fc.record({ do: fc.constantFrom("mmap" as const, "mmap ram" as const), process, pages }), weight: 3 },
  { arbitrary: fc.record({ do: fc.constant("munmap" as const), process, page, pages }), weight: 2 },
  { arbitrary: fc.record({ do: fc.constant("pin" as const), process, page, pages, peer: fc.boolean() }), weight: 3 },
  fc.record({ do: fc.constant("exit" as const), process }),
  fc.record({ do: fc.constant("remove" as const), mode: fc.constantFrom("wait" as const, "revoke" as const) }),
  fc.record({ do: fc.constant("next owner" as const) }),
);

/** The rules as a child would write them: a count per page, a page per user address. */
class Naive {
  readonly holders = new Map<number, number>();
  readonly users: Map<number, number | "torn">[] = Array.from({ length: PROCESSES }, () => new Map());
  state: "live" | "leaving" | "removed" = "live";

  held(page: number): number {
    return this.holders.get(page) ?? 0;
  }

  hold(pages: readonly number[], difference: number): void {
    for (const page of pages) this.holders.set(page, this.held(page) + difference);
  }

  /** The lowest free run of the first part that has one. */
  findRun(parts: readonly { first: number; count: number }[], length: number): readonly number[] | null {
    for (const { first, count } of parts) {
      for (let start = first; start + length <= first + count; start++) {
        const run = Array.from({ length }, (_, index) => start + index);
        if (run.every((page) => this.held(page) === 0)) return run;
      }
    }
    return null;
  }

  /** What pinning says, page by page. */
  pin(process: number, from: number, count: number, peer: boolean): readonly number[] | UserErrno {
    const found: number[] = [];
    for (let at = from; at < from + count; at++) {
      const page = this.users[process]?.get(at);
      if (page === undefined || page === "torn") return "EFAULT";
      if (isPeer(page) && !peer) return "EREMOTEIO";
      if (isPeer(page) && this.state === "leaving") return "EFAULT";
      found.push(page);
    }
    return found;
  }

  tearDown(): void {
    for (const user of this.users) {
      for (const [at, page] of user) {
        if (page === "torn" || !isPeer(page)) continue;
        this.hold([page], -1);
        user.set(at, "torn");
      }
    }
  }

  get peerPagesHeld(): number {
    return peerPages.filter((page) => this.held(page) > 0).length;
  }
}

const peerPages = PARTS.flatMap(({ first, count }) => Array.from({ length: count }, (_, index) => first + index));
const allPages = [...peerPages, ...Array.from({ length: RAM.count }, (_, index) => RAM.first + index)];
const userPages = Array.from({ length: USER_PAGES }, (_, index) => index);

function isPeer(page: number): boolean {
  return page >= PARTS[0].first;
}

function rangeOf({ first, count }: { first: number; count: number }): PhysRange {
  return { start: physAddr(first * PAGE_BYTES), sizeBytes: count * PAGE_BYTES };
}

function pagesOf(range: PhysRange): number[] {
  return Array.from({ length: range.sizeBytes / PAGE_BYTES }, (_, index) => range.start / PAGE_BYTES + index);
}

/** The memory room and the naive rules side by side: each command is done to both, and all that shows is compared. */
class SideBySide {
  readonly naive = new Naive();
  readonly maps = new PageMaps();
  readonly ram = new PagePool(this.maps, "ram");
  readonly users: UserSpace[] = Array.from({ length: PROCESSES }, () => new UserSpace(this.maps));
  readonly allocations: { free: () => void; pages: readonly number[] }[] = [];
  readonly pins: { pinned: PinnedPages; pages: readonly number[] }[] = [];
  /** Next user address of each process, in pages from the first one. */
  readonly nextUserPage: number[] = new Array<number>(PROCESSES).fill(0);
  readonly firstAddress: number;
  generation = 0;
  removals = 0;
  pool: P2pPool;

  constructor() {
    this.ram.addRange(rangeOf(RAM), null);
    this.pool = this.makePool();
    const probe = new UserSpace(this.maps);
    const first = probe.mmapRam(this.ram, 1);
    this.firstAddress = first.ok ? first.value : 0;
    probe.exit();
  }

  makePool(): P2pPool {
    const pool = new P2pPool(this.maps, makeBdf(0, 3, 0, this.generation % 8));
    PARTS.forEach((part, bar) => {
      const range = rangeOf(part);
      pool.addResource({ owner: pool.owner, bar, busOffset: this.generation, range }, range);
    });
    return pool;
  }

  do(command: Command): void {
    switch (command.do) {
      case "alloc":
        this.alloc(command.pages);
        break;
      case "alloc list":
        this.allocList(command.pages);
        break;
      case "free":
        this.free(command.which);
        break;
      case "unpin":
        this.unpin(command.which);
        break;
      case "mmap":
      case "mmap ram":
        this.mmap(command.process, command.pages, command.do === "mmap");
        break;
      case "munmap":
        this.munmap(command.process, command.page, command.pages);
        break;
      case "pin":
        this.pin(command.process, command.page, command.pages, command.peer);
        break;
      case "exit":
        this.users[command.process]?.exit();
        this.forget(command.process, 0, USER_PAGES);
        break;
      case "remove":
        this.remove(command.mode);
        break;
      case "next owner":
        this.nextOwner();
        break;
    }
  }

  alloc(length: number): void {
    const expected = this.naive.state === "live" ? this.naive.findRun(PARTS, length) : null;
    const range = this.pool.alloc(length * PAGE_BYTES);
    expect(range === null ? null : pagesOf(range)).toEqual(expected);
    if (range === null || expected === null) return;
    this.naive.hold(expected, 1);
    const { pool } = this;
    this.allocations.push({ free: () => pool.free(range), pages: expected });
  }

  allocList(length: number): void {
    const free = peerPages.length - this.naive.peerPagesHeld;
    const entries = this.pool.allocScatterlist(length * PAGE_BYTES);
    expectSame(entries !== null, this.naive.state === "live" && free >= length);
    if (entries === null) return;
    const taken = entries.flatMap(pagesOf);
    expectSame(new Set(taken).size, length);
    expect(taken.filter((page) => this.naive.held(page) > 0)).toEqual([]);
    this.naive.hold(taken, 1);
    const { pool } = this;
    this.allocations.push({ free: () => pool.freeScatterlist(entries), pages: taken });
  }

  free(which: number): void {
    const [chosen] = this.allocations.splice(which % Math.max(1, this.allocations.length), 1);
    if (chosen === undefined) return;
    chosen.free();
    this.naive.hold(chosen.pages, -1);
    expect(chosen.free).toThrow();
  }

  unpin(which: number): void {
    const [chosen] = this.pins.splice(which % Math.max(1, this.pins.length), 1);
    if (chosen === undefined) return;
    chosen.pinned.unpin();
    this.naive.hold(chosen.pages, -1);
  }

  mmap(process: number, length: number, peer: boolean): void {
    const user = this.users[process];
    const at = this.nextUserPage[process] ?? 0;
    if (user === undefined || at + length > USER_PAGES) return;
    const isGone = peer && this.naive.state !== "live";
    const expected = isGone ? null : this.naive.findRun(peer ? PARTS : [RAM], length);
    const sizeBytes = length * PAGE_BYTES;
    const result = peer ? user.mmapPool(this.pool, { sizeBytes }) : user.mmapRam(this.ram, sizeBytes);
    expect(result.ok ? result.value : result.errno).toBe(
      expected === null ? (isGone ? "ENODEV" : "ENOMEM") : this.firstAddress + at * PAGE_BYTES,
    );
    if (expected === null) return;
    this.naive.hold(expected, 1);
    expected.forEach((page, index) => {
      this.naive.users[process]?.set(at + index, page);
    });
    this.nextUserPage[process] = at + length;
  }

  munmap(process: number, from: number, length: number): void {
    this.users[process]?.munmap(this.firstAddress + from * PAGE_BYTES, length * PAGE_BYTES);
    this.forget(process, from, length);
  }

  forget(process: number, from: number, length: number): void {
    const user = this.naive.users[process];
    for (let at = from; at < from + length; at++) {
      const page = user?.get(at);
      if (page !== undefined && page !== "torn") this.naive.hold([page], -1);
      user?.delete(at);
    }
  }

  pin(process: number, from: number, count: number, peer: boolean): void {
    const expected = this.naive.pin(process, from, count, peer);
    const result = this.users[process]?.getUserPages(this.firstAddress + from * PAGE_BYTES, count, { peer });
    if (result?.ok !== true) {
      expectSame(result?.errno, expected);
      return;
    }
    const taken = result.value.ranges.flatMap(pagesOf);
    expect(taken).toEqual(expected);
    this.naive.hold(taken, 1);
    this.pins.push({ pinned: result.value, pages: taken });
  }

  remove(mode: RemovalMode): void {
    if (this.naive.state !== "removed") {
      this.naive.state = "leaving";
      if (mode === "revoke") this.naive.tearDown();
    }
    this.pool.remove(mode, () => this.removals++);
  }

  /** Another device gets the range, as soon as it may. */
  nextOwner(): void {
    if (this.naive.state !== "removed") {
      expect(() => this.makePool()).toThrowError(/has pages already/);
      return;
    }
    this.generation++;
    this.pool = this.makePool();
    this.naive.state = "live";
  }

  compare(): void {
    const { naive } = this;
    if (naive.state === "leaving" && naive.peerPagesHeld === 0) naive.state = "removed";
    expectSame(this.pool.state, naive.state);
    expectSame(this.removals, this.generation + (naive.state === "removed" ? 1 : 0));
    const references = allPages.map((page) => this.maps.referencesAt(physAddr(page * PAGE_BYTES)));
    expect(references).toEqual(allPages.map((page) => naive.held(page)));
    const free = peerPages.length - naive.peerPagesHeld;
    expectSame(this.pool.availableBytes, naive.state === "live" ? free * PAGE_BYTES : 0);
    expectSame(this.pool.pagesInUse, naive.peerPagesHeld);
    // Whoever reaches the range reaches the owner of today: the provider carries its generation.
    const provider = this.maps.providerAt(physAddr(PARTS[0].first * PAGE_BYTES));
    expectSame(provider?.busOffset, naive.state === "removed" ? undefined : this.generation);
    naive.users.forEach((user, process) => {
      const expected = userPages.map((at) => {
        const page = user.get(at);
        return page === undefined || page === "torn" ? null : page * PAGE_BYTES;
      });
      const resolved = userPages.map((at) => this.users[process]?.resolve(this.firstAddress + at * PAGE_BYTES));
      expect(resolved).toEqual(expected);
    });
  }

  /** Everybody lets go: nothing may be left. */
  letGo(): void {
    for (const user of this.users) user.exit();
    while (this.pins.length > 0) this.pins.pop()?.pinned.unpin();
    while (this.allocations.length > 0) this.allocations.pop()?.free();
    expectSame(this.pool.pagesInUse, 0);
    expectSame(this.ram.availableBytes, RAM.count * PAGE_BYTES);
    this.pool.remove("wait");
    expectSame(this.pool.state, "removed");
    expect(this.maps.list()).toHaveLength(1);
  }
}

it("Whatever allocates, maps, pins, drops and removes, pages and mappings are as the naive rules say", () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 40 }), (commands) => {
      const both = new SideBySide();
      for (const each of commands) {
        both.do(each);
        both.compare();
      }
      both.letGo();
    }),
    { numRuns: 3000 },
  );
});
