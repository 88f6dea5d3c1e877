import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { IovaAllocator } from "../../src/iommu/iova-allocator.ts";
import { PageTable } from "../../src/iommu/page-table.ts";
import { type Iova, iova, PAGE_BYTES } from "../../src/pci/addresses.ts";
import { expectSame } from "../expect-same.ts";

const BITS = 20;
const PAGES = 2 ** BITS / PAGE_BYTES;

/** The allocator as a table of pages, searched from the top. */
class NaiveAllocator {
  readonly isTaken: boolean[] = Array.from({ length: PAGES }, (_, page) => page === 0);

  allocate(pages: number, limit: number): number | null {
    const alignment = 2 ** Math.ceil(Math.log2(pages));
    for (let start = Math.min(PAGES, limit) - pages; start > 0; start--) {
      if (start % alignment !== 0 || this.isTaken.slice(start, start + pages).includes(true)) continue;
      this.mark(start, pages, true);
      return start;
    }
    return null;
  }

  mark(start: number, pages: number, isTaken: boolean): void {
    this.isTaken.fill(isTaken, Math.max(start, 0), Math.min(start + pages, PAGES));
  }
}

const step = fc.oneof(
  fc.record({
    do: fc.constant("allocate" as const),
    bytes: fc.integer({ min: 1, max: 20 * PAGE_BYTES }),
    maskBits: fc.constantFrom(14, 16, 18, 19, 20, 31),
  }),
  fc.record({ do: fc.constant("free" as const), which: fc.nat() }),
);
const reservedRange = fc.record({
  start: fc.integer({ min: 0, max: 2 ** BITS + 5000 }),
  sizeBytes: fc.integer({ min: 1, max: 2 ** 17 }),
  what: fc.constant("reserved"),
});

describe("The IOVA allocator", () => {
  it("gives what a search of a table of all pages gives, and is as new when all is freed", () => {
    fc.assert(
      fc.property(fc.array(reservedRange, { maxLength: 3 }), fc.array(step, { maxLength: 60 }), (reserved, steps) => {
        const allocator = new IovaAllocator({ addressBits: BITS, reserved });
        const naive = new NaiveAllocator();
        for (const { start, sizeBytes } of reserved) {
          const first = Math.floor(start / PAGE_BYTES);
          naive.mark(first, Math.ceil((start + sizeBytes) / PAGE_BYTES) - first, true);
        }
        const before = allocator.freeRanges();
        const live: { address: Iova; pages: number }[] = [];
        const free = ({ address, pages }: { address: Iova; pages: number }): void => {
          allocator.free(address);
          naive.mark(address / PAGE_BYTES, pages, false);
        };
        for (const one of steps) {
          if (one.do === "free") {
            const [freed] = live.splice(one.which % Math.max(live.length, 1), 1);
            if (freed !== undefined) free(freed);
            continue;
          }
          const pages = Math.ceil(one.bytes / PAGE_BYTES);
          const address = allocator.allocate(one.bytes, one.maskBits);
          const expected = naive.allocate(pages, 2 ** one.maskBits / PAGE_BYTES);
          expectSame(address === null ? null : address / PAGE_BYTES, expected);
          if (address !== null) live.push({ address, pages });
        }
        expectSame(
          allocator.allocatedBytes,
          live.reduce((sum, { pages }) => sum + pages * PAGE_BYTES, 0),
        );
        for (const range of live) free(range);
        expect(allocator.freeRanges()).toEqual(before);
      }),
      { numRuns: 1000 },
    );
  });

  it("keeps its order over thousands of ranges", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { minLength: 2000, maxLength: 4000, size: "max" }), (picks) => {
        const allocator = new IovaAllocator({ addressBits: 48, reserved: [] });
        const before = allocator.freeRanges();
        const live: Iova[] = [];
        for (const pick of picks) {
          if (pick % 3 === 0 && live.length > 0) {
            const at = pick % live.length;
            allocator.free(live[at] ?? iova(0));
            live[at] = live[live.length - 1] ?? iova(0);
            live.pop();
          } else live.push(allocator.allocate((1 + (pick % 9)) * PAGE_BYTES, 64) ?? iova(0));
        }
        const taken = allocator.freeRanges().reduce((sum, { sizeBytes }) => sum - sizeBytes, 2 ** 48 - PAGE_BYTES);
        expectSame(taken, allocator.allocatedBytes);
        for (const address of live) allocator.free(address);
        expect(allocator.freeRanges()).toEqual(before);
      }),
      { numRuns: 20 },
    );
  });
});

/** Ranges around a few entries of 2 MiB, in pages. */
const mapping = fc.record({
  page: fc.oneof(fc.integer({ min: 0, max: 1600 }), fc.constantFrom(0, 512, 1024)),
  count: fc.oneof(fc.integer({ min: 1, max: 600 }), fc.constantFrom(512, 1024)),
  phys: fc.oneof(fc.integer({ min: 0, max: 2 ** 30 }), fc.constantFrom(0, 512, 2 ** 28)),
  permission: fc.integer({ min: 1, max: 3 }),
  isUnmap: fc.boolean(),
});

describe("The page table", () => {
  it("maps and unmaps as a table of single pages does, whole entries and parts of them", () => {
    fc.assert(
      fc.property(fc.array(mapping, { maxLength: 12 }), (steps) => {
        const table = new PageTable();
        const naive = new Map<number, { phys: number; permission: number }>();
        for (const { page, count, phys, permission, isUnmap } of steps) {
          const pages = Array.from({ length: count }, (_, index) => page + index);
          const isFree = !pages.some((one) => naive.has(one));
          expectSame(table.isEmpty(page * PAGE_BYTES, count * PAGE_BYTES), isFree);
          if (isUnmap) {
            const unmapped = pages.filter((one) => naive.delete(one)).length;
            expectSame(table.unmap(page * PAGE_BYTES, count * PAGE_BYTES), unmapped * PAGE_BYTES);
          } else if (isFree) {
            table.map(page * PAGE_BYTES, phys * PAGE_BYTES, count * PAGE_BYTES, permission);
            pages.forEach((one, index) => {
              naive.set(one, { phys: (phys + index) * PAGE_BYTES, permission });
            });
          }
          expectSame(table.mappedBytes, naive.size * PAGE_BYTES);
        }
        for (let page = 0; page < 2700; page++) {
          const expected = naive.get(page);
          if (table.permissionAt(page * PAGE_BYTES + 5) !== (expected?.permission ?? 0)) expect.fail(`page ${page}`);
          if (expected !== undefined && table.pageAt(page * PAGE_BYTES + 5) !== expected.phys)
            expect.fail(`page ${page}`);
        }
      }),
      { numRuns: 300 },
    );
  });
});
