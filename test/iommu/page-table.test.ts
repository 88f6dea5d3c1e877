import { describe, expect, it } from "vitest";
import { PageTable, PERMIT_READ, PERMIT_WRITE } from "../../src/iommu/page-table.ts";
import { PAGE_BYTES } from "../../src/pci/addresses.ts";

const BOTH = PERMIT_READ | PERMIT_WRITE;
const LEAF = 2 ** 21;

describe("The page table", () => {
  it("maps page by page, across entries of 2 MiB", () => {
    const table = new PageTable();
    table.map(LEAF - PAGE_BYTES, 0x7000, 2 * PAGE_BYTES, PERMIT_READ);
    expect(table.pageAt(LEAF - 1)).toBe(0x7000);
    expect(table.pageAt(LEAF)).toBe(0x8000);
    expect(table.permissionAt(LEAF)).toBe(PERMIT_READ);
    expect(table.permissionAt(LEAF + PAGE_BYTES)).toBe(0);
    expect(table.mappedBytes).toBe(2 * PAGE_BYTES);
  });

  it("maps 64 GiB in entries of 2 MiB", () => {
    const table = new PageTable();
    table.map(2 ** 36, 2 ** 37, 2 ** 36, BOTH);
    expect(table.pageAt(2 ** 37 - 1)).toBe(2 ** 37 + 2 ** 36 - PAGE_BYTES);
    expect(table.unmap(2 ** 36, 2 ** 36)).toBe(2 ** 36);
    expect(table.mappedBytes).toBe(0);
  });

  it("splits an entry of 2 MiB when a part of it is unmapped", () => {
    const table = new PageTable();
    table.map(LEAF, 4 * LEAF, LEAF, BOTH);
    expect(table.unmap(LEAF + PAGE_BYTES, PAGE_BYTES)).toBe(PAGE_BYTES);
    expect(table.permissionAt(LEAF + PAGE_BYTES)).toBe(0);
    expect(table.pageAt(LEAF)).toBe(4 * LEAF);
    expect(table.pageAt(2 * LEAF - 1)).toBe(5 * LEAF - PAGE_BYTES);
    expect(table.permissionAt(2 * LEAF - 1)).toBe(BOTH);
  });

  it("maps nothing where a part is mapped already", () => {
    const table = new PageTable();
    table.map(0x3000, 0x7000, PAGE_BYTES, PERMIT_READ);
    expect(() => table.map(0x1000, 0x9000, 4 * PAGE_BYTES, BOTH)).toThrow("mapped already");
    expect(table.mappedBytes).toBe(PAGE_BYTES);
    expect(table.permissionAt(0x1000)).toBe(0);
  });

  it("refuses what is not whole pages, and permissions that are none", () => {
    const table = new PageTable();
    expect(() => table.map(1, 0, PAGE_BYTES, BOTH)).toThrow("whole pages");
    expect(() => table.map(0, 1, PAGE_BYTES, BOTH)).toThrow("not a page");
    expect(() => table.map(0, -PAGE_BYTES, PAGE_BYTES, BOTH)).toThrow("not a page");
    expect(() => table.map(0, 0, 0, BOTH)).toThrow("whole pages");
    expect(() => table.map(0, 0, PAGE_BYTES, 0)).toThrow("neither read nor write");
    expect(() => table.unmap(0, 100)).toThrow("whole pages");
  });

  it("forgets an emptied entry when a new one takes its place", () => {
    const table = new PageTable();
    table.map(0x1000, 0x7000, PAGE_BYTES, BOTH);
    table.unmap(0x1000, PAGE_BYTES);
    expect(table.permissionAt(0x1000)).toBe(0);
    table.map(LEAF + 0x2000, 0x9000, PAGE_BYTES, BOTH);
    expect(table.permissionAt(LEAF + 0x1000)).toBe(0);
    expect(table.permissionAt(0x1000)).toBe(0);
  });
});
