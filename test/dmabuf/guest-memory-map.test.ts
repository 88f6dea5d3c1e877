import { describe, expect, it } from "vitest";
import type { DmaBuf } from "../../src/dmabuf/dma-buf.ts";
import { GuestMemoryMap } from "../../src/dmabuf/guest-memory-map.ts";
import { VFIO_6_19 } from "../../src/dmabuf/vfio-rules.ts";
import { type Iova, physAddr } from "../../src/pci/addresses.ts";
import { errnoOf } from "./fakes.ts";
import { Bed, type BedOptions, GUEST_ADDRESS, noLeaks } from "./test-bed.ts";

function mapped(options: BedOptions = {}): { bed: Bed; guest: GuestMemoryMap; buffer: DmaBuf } {
  const bed = new Bed(options);
  const buffer = bed.openAndExport([4, 2]);
  const guest = new GuestMemoryMap("guest", bed.guestDomain);
  expect(errnoOf(guest.mapBuffer(GUEST_ADDRESS, buffer))).toBe("no error");
  return { bed, guest, buffer };
}

describe("the memory map of a guest", () => {
  it("leads a device of the guest to RAM and to the BAR, each at its guest-physical address", () => {
    const { bed, guest } = mapped();
    guest.mapRam(0x1000 as Iova, { start: physAddr(0x8000_0000), sizeBytes: 0x2000 });
    expect(bed.landFromGuest((GUEST_ADDRESS + 4096) as Iova)).toEqual({ offset: 5 * 4096 });
    expect(bed.guestDomain.lookUp(0x2010 as Iova)?.phys).toBe(0x8000_1010);
    expect(guest.areas.map(({ start, kind }) => [start, kind])).toEqual([
      [GUEST_ADDRESS, "peer"],
      [0x1000, "ram"],
    ]);
  });

  it("asks no rule: a BAR is mapped where the P2PDMA rules support nothing", () => {
    mapped({ mapType: "not-supported" });
  });

  it.each([
    ["half a page", 0x1000, 2048],
    ["an address within a page", 0x1010, 4096],
    ["nothing", 0x1000, 0],
    ["what is mapped", GUEST_ADDRESS + 4096, 4096],
    ["what ends in a mapping", GUEST_ADDRESS - 4096, 8192],
    ["what no IOMMU page table holds", 2 ** 48, 4096],
  ])("refuses %s", (_, start, sizeBytes) => {
    const { guest } = mapped();
    expect(errnoOf(guest.mapRam(start as Iova, { start: physAddr(0), sizeBytes }))).toBe("EINVAL");
  });

  it("loses the BAR before the device is reset, and gets it back only when it is mapped anew", () => {
    const { bed, guest, buffer } = mapped();
    expect(bed.vfio.reset().isDone).toBe(true);
    expect(bed.violations).toEqual([]);
    expect(bed.vfio.isRevoked(buffer)).toBe(false);
    expect(bed.landFromGuest(GUEST_ADDRESS)).toEqual({ lost: "not-present" });
    expect(errnoOf(guest.mapBuffer(GUEST_ADDRESS, buffer))).toBe("EINVAL");
    guest.unmap(GUEST_ADDRESS);
    expect(errnoOf(guest.mapBuffer(GUEST_ADDRESS, buffer))).toBe("no error");
    expect(bed.landFromGuest(GUEST_ADDRESS)).toEqual({ offset: 4 * 4096 });
  });

  it("refuses a revoked buffer, and leaves nothing behind", () => {
    const { bed, guest, buffer } = mapped();
    bed.vfio.close();
    guest.unmap(GUEST_ADDRESS);
    expect(errnoOf(guest.mapBuffer(GUEST_ADDRESS, buffer))).toBe("ENODEV");
    expect([buffer.references, buffer.attachments, guest.areas, bed.leaks]).toEqual([1, [], [], noLeaks]);
  });

  it("takes buffers of one range only, as iommufd does", () => {
    const bed = new Bed();
    const buffer = bed.openAndExport([0, 1], [4, 1]);
    const guest = new GuestMemoryMap("guest", bed.guestDomain);
    expect(errnoOf(guest.mapBuffer(GUEST_ADDRESS, buffer))).toBe("EOPNOTSUPP");
    expect([buffer.references, buffer.pinnedBy, bed.leaks]).toEqual([1, [], noLeaks]);
  });

  it("maps without a pin in Linux 6.19, which takes none", () => {
    const bed = new Bed({ rules: VFIO_6_19 });
    const buffer = bed.openAndExport([0, 1]);
    const guest = new GuestMemoryMap("guest", bed.guestDomain);
    expect(errnoOf(guest.mapBuffer(GUEST_ADDRESS, buffer))).toBe("EOPNOTSUPP");
    expect(errnoOf(guest.mapBuffer(GUEST_ADDRESS, buffer, { pins: false }))).toBe("no error");
  });

  it("is unmapped where something is mapped only", () => {
    const { guest, buffer } = mapped();
    guest.unmap(GUEST_ADDRESS);
    expect(buffer.references).toBe(1);
    expect(() => guest.unmap(GUEST_ADDRESS)).toThrow("has nothing mapped at 0xc0000000");
  });
});
