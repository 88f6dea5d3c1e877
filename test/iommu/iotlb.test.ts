import { describe, expect, test } from "vitest";
import { Iotlb } from "../../src/iommu/iotlb.ts";
import { PAGE_BYTES } from "../../src/pci/addresses.ts";

const SLOTS = 1024;

/** Which of some pages are remembered. */
function kept(iotlb: Iotlb, pages: readonly number[]): readonly number[] {
  return pages.filter((page) => iotlb.find(page) >= 0);
}

function holding(pages: readonly number[]): Iotlb {
  const iotlb = new Iotlb();
  for (const page of pages) iotlb.remember(page, page * 16, 3);
  return iotlb;
}

describe("an IOTLB", () => {
  test("holds nothing at first, page 0 included", () => {
    expect(kept(new Iotlb(), [0, 1, SLOTS - 1, SLOTS])).toEqual([]);
  });

  test.for([0, 1, SLOTS - 1, SLOTS, 0xfffff])("remembers page %i, its address and what it permits", (page) => {
    const iotlb = new Iotlb();
    iotlb.remember(page, 0x12345000, 2);
    const slot = iotlb.find(page);
    expect(slot).toBe(page % SLOTS);
    expect([iotlb.physIn(slot), iotlb.permissionIn(slot)]).toEqual([0x12345000, 2]);
  });

  test("forgets a page for another in the same slot, and not for one in the next", () => {
    const iotlb = holding([5, 6]);
    iotlb.remember(5 + SLOTS, 0x1000, 1);
    expect(kept(iotlb, [5, 6, 5 + SLOTS])).toEqual([6, 5 + SLOTS]);
  });

  test("keeps the newest of what it was told of a page", () => {
    const iotlb = holding([5]);
    iotlb.remember(5, 0x9000, 1);
    expect([iotlb.physIn(5), iotlb.permissionIn(5)]).toEqual([0x9000, 1]);
  });
});

describe("an IOTLB of pages 4 to 8 forgets, of the range", () => {
  const pages = [4, 5, 6, 7, 8];
  test.for<readonly [what: string, first: number, count: number, kept: readonly number[]]>([
    ["one page", 6, 1, [4, 5, 7, 8]],
    ["the first", 4, 1, [5, 6, 7, 8]],
    ["the last", 8, 1, [4, 5, 6, 7]],
    ["several", 5, 3, [4, 8]],
    ["all of them and more", 0, 100, []],
    ["those below", 0, 4, pages],
    ["those above", 9, 100, pages],
    ["pages in the same slots", 4 + SLOTS, 5, pages],
    ["one page less than there are slots, from 5 on", 5, SLOTS - 1, [4]],
    ["as many pages as there are slots, from 5 on", 5, SLOTS, [4]],
    ["as many, up to 7", 8 - SLOTS + SLOTS, SLOTS, [4, 5, 6, 7]],
    ["one page more than there are slots, from 5 on", 5, SLOTS + 1, [4]],
    ["far more pages than there are slots, all of them above", 9, 2 ** 24, pages],
    ["no page", 6, 0, pages],
  ])("%s", ([, first, count, expected]) => {
    const iotlb = holding(pages);
    iotlb.invalidate(first * PAGE_BYTES, count * PAGE_BYTES);
    expect(kept(iotlb, pages)).toEqual(expected);
  });

  test("and those that it is told of afterwards are remembered", () => {
    const iotlb = holding(pages);
    iotlb.invalidate(0, 100 * PAGE_BYTES);
    iotlb.invalidate(0, 100 * PAGE_BYTES);
    iotlb.remember(6, 0x6000, 1);
    iotlb.invalidate(7 * PAGE_BYTES, PAGE_BYTES);
    expect(kept(iotlb, pages)).toEqual([6]);
    iotlb.invalidate(6 * PAGE_BYTES, PAGE_BYTES);
    expect(kept(iotlb, pages)).toEqual([]);
  });

  test("everything at once, and again once something was remembered", () => {
    const iotlb = holding(pages);
    iotlb.invalidateAll();
    expect(kept(iotlb, pages)).toEqual([]);
    iotlb.remember(4, 0, 1);
    expect(kept(iotlb, pages)).toEqual([4]);
    iotlb.remember(4, 0, 2);
    iotlb.invalidate(4 * PAGE_BYTES, PAGE_BYTES);
    expect(kept(iotlb, pages)).toEqual([]);
    iotlb.remember(5, 0, 1);
    iotlb.invalidateAll();
    expect(kept(iotlb, pages)).toEqual([]);
  });
});
