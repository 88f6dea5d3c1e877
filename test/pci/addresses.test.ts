import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type BusAddr,
  busAddr,
  busToPhys,
  type DmaAddr,
  dmaFromBus,
  dmaFromIova,
  holds,
  type Iova,
  iova,
  overlaps,
  PAGE_BYTES,
  type PhysAddr,
  pfnOf,
  physAddr,
  physToBus,
} from "../../src/pci/addresses.ts";
import {
  busOf,
  devfnOf,
  deviceOf,
  domainOf,
  formatBdf,
  functionOf,
  isBdf,
  makeBdf,
  parseBdf,
} from "../../src/pci/bdf.ts";

describe("addresses of the two sides of a host bridge", () => {
  test("an offset added in one direction is taken off in the other", () => {
    fc.assert(
      fc.property(fc.nat(2 ** 31), fc.integer({ min: -(2 ** 31), max: 2 ** 31 }), (raw, offset) => {
        fc.pre(raw + offset >= 0);
        expect(busToPhys(physToBus(physAddr(raw), offset), offset)).toBe(raw);
      }),
    );
  });

  test("the offset is bus minus physical, as the kernel's provider holds it", () => {
    expect(physToBus(physAddr(0x1000), 0x200)).toBe(0x1200);
    expect(busToPhys(busAddr(0x1200), 0x200)).toBe(0x1000);
  });

  test("one kind does not pass for the other", () => {
    const bus: BusAddr = busAddr(1);
    // @ts-expect-error a bus address is no CPU physical address
    const phys: PhysAddr = bus;
    expect(phys).toBe(1);
    const iovaOfADomain: Iova = iova(1);
    // @ts-expect-error an IOVA is no bus address
    const other: BusAddr = iovaOfADomain;
    // @ts-expect-error what a device is given is made from either by name only
    const given: DmaAddr = other;
    expect([given, dmaFromBus(bus), dmaFromIova(iovaOfADomain)]).toEqual([1, 1, 1]);
    // @ts-expect-error a page number is no address
    const page: PhysAddr = pfnOf(physAddr(PAGE_BYTES));
    expect(page).toBe(1);
  });

  test("an offset of either sign holds in both directions, at the ends of a BAR too", () => {
    for (const offset of [0x4000_0000, -0x4000_0000]) {
      for (const phys of [0x8000_0000, 0x8000_0fff]) {
        expect(physToBus(physAddr(phys), offset)).toBe(phys + offset);
        expect(busToPhys(busAddr(phys + offset), offset)).toBe(phys);
      }
    }
    expect(() => physToBus(physAddr(0x1000), -0x2000)).toThrow("not an address");
  });

  test.for([-1, 0.5, Number.NaN, 2 ** 53])("%s is refused", (value) => {
    expect(() => physAddr(value)).toThrow("not an address");
  });
});

describe("runs of bytes", () => {
  test.for<[start: number, sizeBytes: number, shared: boolean, where: string]>([
    [10, 10, true, "the same bytes"],
    [12, 2, true, "within"],
    [5, 20, true, "around"],
    [5, 6, true, "over the first byte"],
    [5, 5, false, "up to the first byte"],
    [19, 5, true, "from the last byte on"],
    [20, 5, false, "behind the last byte"],
    [0, 5, false, "far before"],
    [30, 5, false, "far behind"],
    [10, 1, true, "one byte, the first"],
    [15, 0, false, "no byte"],
  ])("%i of %i bytes share one with 10 of 10: %s, %s", ([start, sizeBytes, shared]) => {
    const [run, other] = [
      { start: 10, sizeBytes: 10 },
      { start, sizeBytes },
    ];
    expect([overlaps(run, other), overlaps(other, run)]).toEqual([shared, shared]);
  });

  test.for<[place: number, isIn: boolean]>([
    [9, false],
    [10, true],
    [15, true],
    [19, true],
    [20, false],
    [0, false],
  ])("byte %i is one of 10 from 10 on: %s", ([place, isIn]) => {
    expect(holds({ start: 10, sizeBytes: 10 }, place)).toBe(isIn);
    expect(holds({ start: 10, sizeBytes: 0 }, place)).toBe(false);
  });
});

describe("the address of a function", () => {
  test.for<[value: unknown, isOne: boolean]>([
    [0, true],
    [0xffff_ffff_ffff, true],
    [2 ** 48, false],
    [-1, false],
    [1.5, false],
    [Number.NaN, false],
    ["1", false],
    [null, false],
  ])("%s is one as a number: %s", ([value, isOne]) => {
    expect(isBdf(value)).toBe(isOne);
  });

  test("has device and function in its lowest byte, as the kernel packs them", () => {
    expect(devfnOf(makeBdf(1, 0x3f, 31, 7))).toBe(0xff);
    expect(devfnOf(makeBdf(0, 0xff, 0, 1))).toBe(1);
    expect(devfnOf(makeBdf(0, 1, 2, 0))).toBe(0x10);
  });

  test("is read as it is printed, with domains up to 32 bits", () => {
    const part = (most: number): fc.Arbitrary<number> => fc.nat(most);
    fc.assert(
      fc.property(part(0xffffffff), part(255), part(31), part(7), (domain, bus, device, fn) => {
        const bdf = makeBdf(domain, bus, device, fn);
        expect(parseBdf(formatBdf(bdf))).toBe(bdf);
        expect([domainOf(bdf), busOf(bdf), deviceOf(bdf), functionOf(bdf)]).toEqual([domain, bus, device, fn]);
      }),
    );
  });

  test.for(["", "00:00", "00:20.0", "00:00.8", "000:00:00.0", "0000:00:00.0 ", "0000:0:00.0", "123456789:00:00.0"])(
    "'%s' is none",
    (text) => {
      expect(parseBdf(text)).toBeUndefined();
    },
  );

  test("without a domain is in domain 0", () => {
    expect(parseBdf("3f:00.1")).toBe(parseBdf("0000:3f:00.1"));
  });
});
