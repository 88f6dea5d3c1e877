import { expect, test } from "vitest";
import type { Bar } from "../../src/pci/bar.ts";
import { deviceKind } from "../../src/pci/device-kind.ts";
import { unknown } from "../../src/pci/known.ts";
import { endpoint } from "../rules/by-hand.ts";

const hidden = unknown("hidden here");
const memory = (sizeBytes: Bar["sizeBytes"], parts: Partial<Bar> = {}): Bar => ({
  index: 4,
  kind: "memory",
  is64Bit: true,
  prefetchable: true,
  busAddress: hidden,
  physAddress: hidden,
  sizeBytes,
  fromEnhancedAllocation: false,
  ...parts,
});
const GiB = 2 ** 30;

test.each<[name: string, classCode: number, bars: readonly Bar[] | typeof hidden, kind: string]>([
  ["an FPGA that says memory", 0x058000, [memory(128 * GiB)], "accel"],
  ["an FPGA that says communication", 0x070001, [memory(GiB)], "accel"],
  ["an FPGA without a class", 0xff0000, [memory(GiB)], "accel"],
  ["a processing accelerator without memory", 0x120000, [], "accel"],
  ["a memory controller with registers", 0x058000, [memory(2 ** 20)], "other"],
  ["a serial port", 0x070002, [], "other"],
  ["memory of hidden size", 0x058000, [memory(hidden)], "other"],
  ["hidden BARs", 0x058000, hidden, "other"],
  ["a large expansion ROM, which is no BAR", 0x058000, [memory(GiB, { index: 6 })], "other"],
  ["a sound card with much memory", 0x040300, [memory(GiB)], "other"],
])("%s (%s)", (_name, classCode, bars, kind) => {
  expect(deviceKind(endpoint("01:00.0", { classCode, bars }))).toBe(kind);
});
