import { describe, expect, it } from "vitest";
import { IovaAllocator } from "../../src/iommu/iova-allocator.ts";
import { iova, PAGE_BYTES } from "../../src/pci/addresses.ts";

const GIB = 2 ** 30;

describe("The IOVA allocator", () => {
  it("hands out the highest range below 4 GiB first, then the next below", () => {
    const allocator = new IovaAllocator({ addressBits: 48, reserved: [] });
    expect(allocator.allocate(PAGE_BYTES, 64)).toBe(0xffff_f000);
    expect(allocator.allocate(1, 64)).toBe(0xffff_e000);
    expect(allocator.allocatedBytes).toBe(2 * PAGE_BYTES);
  });

  it("aligns a range to the power of two at or above its size", () => {
    const allocator = new IovaAllocator({ addressBits: 32, reserved: [] });
    expect(allocator.allocate(3 * PAGE_BYTES, 32)).toBe(0xffff_c000);
    expect(allocator.allocate(5 * PAGE_BYTES, 32)).toBe(0xffff_0000);
  });

  it("keeps out of reserved ranges, also where they overlap or begin inside a page", () => {
    const reserved = [
      { start: 0xffff_0800, sizeBytes: 0x1000, what: "odd" },
      { start: 0xffff_1000, sizeBytes: 0xf000, what: "rest" },
    ];
    const allocator = new IovaAllocator({ addressBits: 32, reserved });
    expect(allocator.allocate(PAGE_BYTES, 32)).toBe(0xfffe_f000);
  });

  it("never hands out page 0", () => {
    const allocator = new IovaAllocator({ addressBits: 13, reserved: [] });
    expect(allocator.allocate(PAGE_BYTES, 64)).toBe(PAGE_BYTES);
    expect(allocator.allocate(PAGE_BYTES, 64)).toBeNull();
  });

  it("stays below the mask of the device", () => {
    const allocator = new IovaAllocator({ addressBits: 48, reserved: [] });
    expect(allocator.allocate(PAGE_BYTES, 30)).toBe(GIB - PAGE_BYTES);
    expect(allocator.allocate(2 * GIB, 30)).toBeNull();
  });

  it("goes above 4 GiB once there is no space below, and not for devices of 32 bits", () => {
    const allocator = new IovaAllocator({ addressBits: 48, reserved: [] });
    expect(allocator.allocate(2 * GIB, 64)).toBe(2 * GIB);
    expect(allocator.allocate(2 * GIB, 64)).toBe(2 ** 48 - 2 * GIB);
    expect(allocator.allocate(2 * GIB, 32)).toBeNull();
    expect(allocator.allocate(PAGE_BYTES, 64), "it no longer tries below 4 GiB first").toBe(
      2 ** 48 - 2 * GIB - PAGE_BYTES,
    );
  });

  it("is as before when everything is freed", () => {
    const allocator = new IovaAllocator({ addressBits: 48, reserved: [{ start: 4 * GIB, sizeBytes: GIB, what: "" }] });
    const before = allocator.freeRanges();
    const taken = Array.from({ length: 100 }, (_, index) => allocator.allocate((1 + (index % 7)) * PAGE_BYTES, 64));
    for (const address of taken.filter((_, index) => index % 2 === 0)) if (address !== null) allocator.free(address);
    for (const address of taken.filter((_, index) => index % 2 === 1)) if (address !== null) allocator.free(address);
    expect(allocator.freeRanges()).toEqual(before);
    expect(allocator.allocationCount).toBe(0);
  });

  it("throws for a range freed twice, never handed out, or reserved", () => {
    const allocator = new IovaAllocator({ addressBits: 32, reserved: [{ start: GIB, sizeBytes: GIB, what: "" }] });
    const address = allocator.allocate(PAGE_BYTES, 32);
    allocator.free(address ?? iova(0));
    for (const wrong of [address ?? iova(0), iova(0x5000), iova(GIB)]) {
      expect(() => allocator.free(wrong)).toThrow("freed twice, or never");
    }
  });

  it("is not split by a reserved range without bytes", () => {
    for (const start of [0x4000, 0x4800]) {
      const allocator = new IovaAllocator({ addressBits: 15, reserved: [{ start, sizeBytes: 0, what: "" }] });
      expect(allocator.freeRanges()).toEqual([{ start: PAGE_BYTES, sizeBytes: 7 * PAGE_BYTES }]);
    }
  });

  it("refuses sizes and widths that are none", () => {
    const allocator = new IovaAllocator({ addressBits: 32, reserved: [] });
    for (const size of [0, -1, 1.5, Number.NaN]) expect(() => allocator.allocate(size, 32)).toThrow("cannot allocate");
    expect(() => new IovaAllocator({ addressBits: 64, reserved: [] })).toThrow("13 to 52");
  });
});
