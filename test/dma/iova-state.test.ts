import { describe, expect, it } from "vitest";
import { type IovaState, tryAllocIova } from "../../src/dma/iova-state.ts";
import { FAULT_NOT_PRESENT, type IommuDomain } from "../../src/iommu/domain.ts";
import { noCost } from "../../src/memory/cost.ts";
import { iova, PAGE_BYTES, physAddr } from "../../src/pci/addresses.ts";
import { device, domain } from "./fake-memory.ts";

function allocate(used: IommuDomain, phys: number, sizeBytes: number): IovaState {
  const state = tryAllocIova({ dmaDomainOf: () => used }, device(), physAddr(phys), sizeBytes, noCost());
  if (state === null) throw new Error("no IOVA space");
  return state;
}

describe("The two-step IOVA API", () => {
  it("allocates nothing where no IOMMU translates the device, or no space is left for its mask", () => {
    const domains = { dmaDomainOf: () => null };
    expect(tryAllocIova(domains, device(), physAddr(0), 4096, noCost())).toBeNull();
    const used = domain();
    const few = device({ maskBits: 12 });
    expect(tryAllocIova({ dmaDomainOf: () => used }, few, physAddr(0), 4096, noCost())).toBeNull();
    expect(tryAllocIova({ dmaDomainOf: () => used }, device(), physAddr(0), 0, noCost())).toBeNull();
  });

  it("begins as far inside a page as the first physical address", () => {
    const used = domain();
    const state = allocate(used, 0x7010, 0x2000);
    expect(state.address % PAGE_BYTES).toBe(0x10);
    expect(used.iovas.allocatedBytes).toBe(3 * PAGE_BYTES);
    expect(state.link(physAddr(0x7010), 0, 0xff0, "to-device").ok).toBe(true);
    expect(state.link(physAddr(0x3000), 0xff0, 0x1010, "to-device").ok).toBe(true);
    state.sync(0, 0x2000);
    expect(used.resolve(iova(state.address + 0xff0), false)).toBe(0x3000);
    state.destroy();
    expect(used.mappedBytes).toBe(0);
    expect(used.iovas.allocationCount).toBe(0);
  });

  it("unlinks a range at once, also in a lazy domain", () => {
    const used = domain("lazy");
    const state = allocate(used, 0x7000, 0x2000);
    state.link(physAddr(0x7000), 0, 0x2000, "to-device");
    used.resolve(state.address, false);
    state.unlink(0, 0x1000);
    expect(used.resolve(state.address, false)).toBe(FAULT_NOT_PRESENT);
    expect(used.resolve(iova(state.address + 0x1000), false)).toBe(0x8000);
    expect(() => state.free()).toThrow("linked still");
    state.unlink(0x1000, 0x1000);
    state.free();
    expect(used.iovas.allocationCount).toBe(0);
  });

  it("refuses with EIO to link inside of a page, and what is linked already", () => {
    const state = allocate(domain(), 0x7000, 0x3000);
    expect(state.link(physAddr(0x7010), 0, 0x100, "to-device")).toMatchObject({ errno: "EIO" });
    expect(state.link(physAddr(0x7000), 0, 0x100, "to-device").ok).toBe(true);
    expect(state.link(physAddr(0x8100), 0x100, 0x100, "to-device")).toMatchObject({ errno: "EIO" });
    expect(state.link(physAddr(0x9000), 0, 0x1000, "to-device")).toMatchObject({ errno: "EIO" });
  });

  it("throws outside of its space and after its end", () => {
    const state = allocate(domain(), 0x7000, 0x1000);
    expect(() => state.link(physAddr(0x7000), 0, 0x1001, "to-device")).toThrow("lie outside");
    expect(() => state.unlink(-1, 1)).toThrow("lie outside");
    state.destroy();
    expect(() => state.destroy()).toThrow("given back already");
    expect(() => state.sync(0, 1)).toThrow("given back already");
  });
});
