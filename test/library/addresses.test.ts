import { expect, expectTypeOf, test } from "vitest";
import { addresses } from "../../src/model.ts";
import type { BusAddr, DmaAddr, Iova, Pfn, PhysAddr } from "../../src/pci/addresses.ts";

test("the model hands out the kinds of address and their makers", () => {
  expectTypeOf<addresses.BusAddr>().toEqualTypeOf<BusAddr>();
  expectTypeOf<addresses.PhysAddr>().toEqualTypeOf<PhysAddr>();
  expectTypeOf<addresses.Iova>().toEqualTypeOf<Iova>();
  expectTypeOf<addresses.DmaAddr>().toEqualTypeOf<DmaAddr>();
  expectTypeOf<addresses.Pfn>().toEqualTypeOf<Pfn>();
  const { busAddr, busToPhys, iova, pfn, pfnOf, physAddr, physOfPfn, physToBus } = addresses;
  expect(busToPhys(physToBus(physAddr(0x1000), 64), 64)).toBe(physAddr(0x1000));
  expect([busAddr(1), iova(2), pfnOf(physOfPfn(pfn(3)))]).toEqual([1, 2, 3]);
  for (const make of [busAddr, iova, pfn, physAddr]) expect(() => make(-1)).toThrow(/is not an address/);
});
