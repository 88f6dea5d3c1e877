import { expect, test } from "vitest";
import type { PciFunction } from "../../src/pci/function.ts";
import { unknown } from "../../src/pci/known.ts";
import { isOfNoVendor, NO_VENDOR } from "../../src/pci/no-vendor.ts";

test.each<[name: string, vendorId: PciFunction["vendorId"], expected: boolean]>([
  ["a scenario gave no ids", NO_VENDOR, true],
  ["a snapshot kept that, in words", unknown("the scenario gives it no ids: add `id:`"), true],
  ["ids are hidden", unknown("hidden here"), false],
  ["ids are known", 0x10de, false],
])("A function is of no vendor where %s", (_name, vendorId, expected) => {
  expect(isOfNoVendor({ vendorId })).toBe(expected);
});
