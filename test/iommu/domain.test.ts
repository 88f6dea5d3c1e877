import { describe, expect, it } from "vitest";
import { FAULT_NO_READ, FAULT_NO_WRITE, FAULT_NOT_PRESENT, IommuDomain } from "../../src/iommu/domain.ts";
import { PERMIT_READ, PERMIT_WRITE } from "../../src/iommu/page-table.ts";
import { type Iova, iova, PAGE_BYTES, physAddr } from "../../src/pci/addresses.ts";

function newDomain(invalidation: "strict" | "lazy", flushQueueEntries = 4): IommuDomain {
  return new IommuDomain({ space: { addressBits: 48, reserved: [] }, invalidation, flushQueueEntries });
}

function mapPage(domain: IommuDomain, phys: number, permission = PERMIT_READ | PERMIT_WRITE): Iova {
  const address = domain.iovas.allocate(PAGE_BYTES, 64) ?? iova(0);
  domain.map(address, physAddr(phys), PAGE_BYTES, permission);
  return address;
}

describe("A domain", () => {
  it("translates to the byte, and faults what is absent or not permitted", () => {
    const domain = newDomain("strict");
    const address = mapPage(domain, 0x7000, PERMIT_READ);
    expect(domain.resolve(iova(address + 0x123), false)).toBe(0x7123);
    expect(domain.resolve(address, true)).toBe(FAULT_NO_WRITE);
    expect(domain.resolve(iova(address - 1), false)).toBe(FAULT_NOT_PRESENT);
    expect(domain.resolve(mapPage(domain, 0x9000, PERMIT_WRITE), false)).toBe(FAULT_NO_READ);
  });

  it("forgets a page before a strict release returns", () => {
    const domain = newDomain("strict");
    const address = mapPage(domain, 0x7000);
    domain.resolve(address, true);
    expect(domain.release(address, PAGE_BYTES)).toBe(1);
    expect(domain.resolve(address, true)).toBe(FAULT_NOT_PRESENT);
    expect(domain.iovas.allocationCount).toBe(0);
    expect(domain.counters).toEqual({ rangeFlushes: 1, queueFlushes: 0, queued: 0 });
  });

  it("frees what waits for the flush before it says that no address is left", () => {
    // Seven pages of space, and a queue that takes more than that.
    const domain = new IommuDomain({ space: { addressBits: 15, reserved: [] }, invalidation: "lazy" });
    const address = domain.allocate(4 * PAGE_BYTES, 64) as Iova;
    domain.map(address, physAddr(0x7000), 4 * PAGE_BYTES, PERMIT_READ);
    domain.resolve(address, false);
    expect(domain.allocate(4 * PAGE_BYTES, 64)).toBeNull();
    domain.release(address, 4 * PAGE_BYTES);
    expect(domain.queueLength).toBe(1);
    expect(domain.allocate(4 * PAGE_BYTES, 64)).toBe(address);
    expect([domain.queueLength, domain.counters.queueFlushes]).toEqual([0, 1]);
    expect(domain.resolve(address, false)).toBe(FAULT_NOT_PRESENT);
  });

  it.each(["strict", "lazy"] as const)(
    "refuses a release of what nobody has, and unmaps nothing (%s)",
    (invalidation) => {
      const domain = newDomain(invalidation);
      const address = mapPage(domain, 0x7000);
      domain.release(address, PAGE_BYTES);
      domain.flush();
      expect(() => domain.release(address, PAGE_BYTES)).toThrow("unmapped twice, or never");
      domain.map(address, physAddr(0x9000), PAGE_BYTES, PERMIT_READ);
      expect(() => domain.release(address, PAGE_BYTES)).toThrow("unmapped twice, or never");
      expect(domain.mappedBytes).toBe(PAGE_BYTES);
    },
  );

  it("still translates a page that the device used before a lazy release, until the flush", () => {
    const domain = newDomain("lazy");
    const used = mapPage(domain, 0x7000);
    const unused = mapPage(domain, 0x8000);
    domain.resolve(used, true);
    expect(domain.release(used, PAGE_BYTES)).toBe(0);
    expect(domain.release(unused, PAGE_BYTES)).toBe(0);
    expect(domain.lookUp(used)).toBeNull();
    expect(domain.resolve(used, true)).toBe(0x7000);
    expect(domain.resolve(unused, true)).toBe(FAULT_NOT_PRESENT);
    expect(domain.iovas.allocationCount, "their addresses are not handed out meanwhile").toBe(2);
    domain.flush();
    expect(domain.resolve(used, true)).toBe(FAULT_NOT_PRESENT);
    expect(domain.iovas.allocationCount).toBe(0);
  });

  it("flushes a full queue before the next range enters it", () => {
    const domain = newDomain("lazy", 2);
    const addresses = [0x1000, 0x2000, 0x3000].map((phys) => mapPage(domain, phys));
    expect(addresses.map((address) => domain.release(address, PAGE_BYTES))).toEqual([0, 0, 1]);
    expect(domain.queueLength).toBe(1);
    expect(domain.counters).toEqual({ rangeFlushes: 0, queueFlushes: 1, queued: 3 });
  });

  it("waits for the IOTLB when a range is unmapped outright, also in a lazy domain", () => {
    const domain = newDomain("lazy");
    const address = mapPage(domain, 0x7000);
    domain.resolve(address, true);
    expect(domain.unmap(address, PAGE_BYTES)).toBe(PAGE_BYTES);
    expect(domain.resolve(address, true)).toBe(FAULT_NOT_PRESENT);
  });

  it("forgets all pages of a range that is larger than the IOTLB", () => {
    const domain = newDomain("strict");
    const size = 4096 * PAGE_BYTES;
    domain.map(iova(size), physAddr(0), size, PERMIT_READ);
    for (let at = size; at < 2 * size; at += PAGE_BYTES) domain.resolve(iova(at), false);
    domain.unmap(iova(size), size);
    for (let at = size; at < 2 * size; at += PAGE_BYTES)
      expect(domain.resolve(iova(at), false)).toBe(FAULT_NOT_PRESENT);
  });

  it("refuses to release a range twice while it waits for the flush, and goes on", () => {
    const domain = newDomain("lazy", 2);
    const twice = mapPage(domain, 0x7000);
    const other = mapPage(domain, 0x8000);
    domain.release(twice, PAGE_BYTES);
    expect(() => domain.release(twice, PAGE_BYTES)).toThrow("unmapped twice, or never");
    domain.release(other, PAGE_BYTES);
    domain.flush();
    expect(domain.iovas.allocationCount).toBe(0);
    expect(() => domain.release(twice, PAGE_BYTES)).toThrow("unmapped twice, or never");
    for (let round = 0; round < 5; round++) domain.release(mapPage(domain, 0x7000), PAGE_BYTES);
    expect(domain.queueLength).toBe(1);
    expect(domain.iovas.allocationCount).toBe(1);
  });

  it("refuses to map beyond its width", () => {
    const domain = newDomain("strict");
    expect(() => domain.map(iova(2 ** 48), physAddr(0), PAGE_BYTES, PERMIT_READ)).toThrow("beyond the domain's width");
  });

  it("refuses a flush queue without entries", () => {
    expect(() => newDomain("lazy", 0)).toThrow("flush queue");
  });
});
