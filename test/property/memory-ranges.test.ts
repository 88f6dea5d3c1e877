import fc from "fast-check";
import { expect, it } from "vitest";
import { ByteStore } from "../../src/memory/bytes.ts";
import { PageAllocator } from "../../src/memory/page-allocator.ts";
import { physicalMapOf } from "../../src/memory/physical-map.ts";
import { RangeTable } from "../../src/memory/range-table.ts";
import { busAddr, physAddr } from "../../src/pci/addresses.ts";
import { isUnknown } from "../../src/pci/known.ts";
import { expectSame } from "../expect-same.ts";
import { exampleMachine } from "../memory/machines.ts";

it("The allocator takes the lowest run that fits, as a naive search does, and refuses each wrong free", () => {
  const FIRST = 2 ** 36;
  const PAGES = 40;
  const step = fc.record({ isAlloc: fc.boolean(), page: fc.nat(PAGES), pages: fc.integer({ min: 1, max: 12 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const allocator = new PageAllocator(FIRST, PAGES);
      const isFree = new Array<boolean>(PAGES).fill(true);
      const allAre = (value: boolean, page: number, pages: number): boolean =>
        page + pages <= PAGES && isFree.slice(page, page + pages).every((free) => free === value);
      for (const { isAlloc, page, pages } of steps) {
        if (isAlloc) {
          let expected = -1;
          for (let at = page; at < PAGES && expected < 0; at++) if (allAre(true, at, pages)) expected = at;
          expectSame(allocator.alloc(pages, FIRST + page), expected < 0 ? -1 : FIRST + expected);
          if (expected >= 0) isFree.fill(false, expected, expected + pages);
        } else if (allAre(false, page, pages)) {
          allocator.free(FIRST + page, pages);
          isFree.fill(true, page, page + pages);
        } else {
          expect(() => allocator.free(FIRST + page, pages)).toThrow(RangeError);
        }
        const runs =
          isFree
            .map((free) => (free ? "x" : " "))
            .join("")
            .match(/x+/g) ?? [];
        expect(allocator.freeRuns().map((run) => run.pages)).toEqual(runs.map((run) => run.length));
        expectSame(allocator.largestRun, Math.max(0, ...runs.map((run) => run.length)));
        expectSame(allocator.freePages, isFree.filter(Boolean).length);
      }
    }),
    { numRuns: 2000 },
  );
});

it("The allocator takes a hundred thousand scattered runs in no time, and joins them again", () => {
  const allocator = new PageAllocator(0, 2 ** 25);
  const runs = Array.from({ length: 100_000 }, (_, index) => ({
    page: allocator.alloc((index % 7) + 1),
    pages: (index % 7) + 1,
  }));
  for (const parity of [0, 1]) {
    runs.forEach(({ page, pages }, index) => {
      if (index % 2 === parity) allocator.free(page, pages);
    });
  }
  expect(allocator.freeRuns()).toEqual([{ page: 0, pages: 2 ** 25 }]);
});

it("A range table answers as a list of ranges does", () => {
  const BASE = 2 ** 51;
  const step = fc.record({
    kind: fc.constantFrom("add", "remove", "look"),
    at: fc.nat(60),
    size: fc.integer({ min: 1, max: 9 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const table = new RangeTable<number>();
      const naive = new Map<number, number>();
      const owner = (address: number): number | undefined =>
        [...naive].find(([start, size]) => start <= address && address < start + size)?.[0];
      for (const { kind, at, size } of steps) {
        const address = BASE + at;
        const overlapped = [...naive.keys()]
          .sort((a, b) => a - b)
          .find((start) => start < address + size && start + (naive.get(start) ?? 0) > address);
        expectSame(table.overlapping(address, size)?.start, overlapped);
        if (kind === "add") {
          expectSame(table.add(address, size, address), overlapped === undefined);
          if (overlapped === undefined) naive.set(address, size);
        }
        if (kind === "remove") expectSame(table.remove(address), naive.delete(address));
        expectSame(table.valueAt(address), owner(address));
        expect(table.entries().map(({ start, sizeBytes }) => [start, sizeBytes])).toEqual(
          [...naive].sort(([a], [b]) => a - b),
        );
      }
    }),
    { numRuns: 1500 },
  );
});

it("A byte store holds what a plain array of bytes holds", () => {
  const BASE = 2 ** 44 - 5000;
  const SIZE = 12_000;
  const step = fc.record({
    kind: fc.constantFrom("write", "fill", "clear", "copy"),
    at: fc.nat(SIZE - 1),
    to: fc.nat(SIZE - 1),
    length: fc.oneof(fc.nat(80), fc.nat(SIZE)),
    value: fc.integer({ min: 1, max: 255 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const store = new ByteStore();
      const naive = new Uint8Array(SIZE);
      for (const { kind, at, to, length, value } of steps) {
        const bytes = Math.min(length, SIZE - Math.max(at, kind === "copy" ? to : 0));
        if (kind === "write") {
          const written = Uint8Array.from({ length: bytes }, (_, index) => value + index);
          store.write(BASE + at, written);
          naive.set(written, at);
        } else if (kind === "copy") {
          store.copy(BASE + at, BASE + to, bytes);
          naive.copyWithin(to, at, at + bytes);
        } else {
          store.fill(BASE + at, bytes, kind === "fill" ? value : 0);
          naive.fill(kind === "fill" ? value : 0, at, at + bytes);
        }
      }
      // As text: comparing long arrays element by element takes most of a minute.
      expectSame(Buffer.from(store.slice(BASE, SIZE)).toString("hex"), Buffer.from(naive).toString("hex"));
    }),
    { numRuns: 500 },
  );
});

it("RAM is all there, in order, and out of every window and BAR, by CPU and by bus address", () => {
  const machine = exampleMachine("two-host-bridges");
  const window = fc.record({
    physStart: fc.oneof(
      fc.nat(2 ** 31),
      fc.maxSafeNat().map((value) => 2 ** 32 + (value % 2 ** 40)),
    ),
    offset: fc.oneof(fc.constant(0), fc.integer({ min: -(2 ** 30), max: 2 ** 36 })),
    sizeBytes: fc.oneof(fc.integer({ min: 1, max: 2 ** 20 }), fc.integer({ min: 1, max: 2 ** 31 - 1 })),
  });
  fc.assert(
    fc.property(fc.array(window, { maxLength: 6 }), fc.nat(2 ** 31 - 1), (windows, ramBytes) => {
      const added = windows.map(({ physStart, offset, sizeBytes }) => ({
        kind: "memory" as const,
        physStart: physAddr(physStart),
        busStart: busAddr(Math.max(0, physStart + offset)),
        sizeBytes,
      }));
      const numaNode = null;
      const map = physicalMapOf({ ...machine, hostBridges: [{ rootBus: 0, windows: added, numaNode }] }, { ramBytes });
      expectSame(
        map.ram.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
        ramBytes - (ramBytes % 4096),
      );
      const taken = added.flatMap(({ physStart, busStart, sizeBytes }) => [
        { start: physStart as number, sizeBytes },
        { start: busStart as number, sizeBytes },
      ]);
      for (const fn of machine.functions) {
        for (const { kind, busAddress: start, sizeBytes } of isUnknown(fn.bars) ? [] : fn.bars) {
          if (kind !== "memory" || start === null || isUnknown(start) || isUnknown(sizeBytes)) continue;
          taken.push({ start, sizeBytes });
        }
      }
      for (const { start, sizeBytes } of map.ram) {
        expectSame(start % 4096, 0);
        for (const other of taken)
          expectSame(other.start < start + sizeBytes && start < other.start + other.sizeBytes, false);
      }
    }),
    { numRuns: 500 },
  );
});
