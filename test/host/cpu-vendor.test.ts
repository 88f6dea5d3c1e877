import { expect, test } from "vitest";
import { cpuVendorOf } from "../../src/host/cpu-vendor.ts";

test.each([
  ["GenuineIntel", true],
  ["AuthenticAMD", true],
  ["HygonGenuine", true],
  ["CentaurHauls", true],
  // With the blanks at both ends that x86 has for it.
  ["Shanghai", true],
  ["VIA VIA VIA", true],
  ["0x0000000000", false],
  ["0xffffffffff", false],
  ["000000000000", false],
  ["", false],
  ["x", false],
  ["GenuineIntelX", false],
])("%j names a vendor: %s", (text, isVendor) => {
  expect(cpuVendorOf(text)).toBe(isVendor ? text : undefined);
});
