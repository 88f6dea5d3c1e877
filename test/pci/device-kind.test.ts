import { expect, test } from "vitest";
import type { Bar } from "../../src/pci/bar.ts";
import { deviceKind, knownKind } from "../../src/pci/device-kind.ts";
import { isUnknown, unknown } from "../../src/pci/known.ts";
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

test.each<[label: string, kind: string]>([
  ["NVIDIA Corporation GH100 [H100 SXM5 80GB]", "gpu"],
  ["NVIDIA Corporation AD102 High Definition Audio Controller", "unknown"],
  ["NVIDIA Corporation GH100 [H100 NVSwitch]", "unknown"],
  ["NVIDIA Corporation TU104 USB 3.1 Host Controller", "unknown"],
  ["Advanced Micro Devices, Inc. [AMD/ATI] Aldebaran/MI200 [Instinct MI250X/MI250]", "gpu"],
  ["Advanced Micro Devices, Inc. [AMD/ATI] Aqua Vanjaram [Instinct MI300X]", "accel"],
  ["Advanced Micro Devices, Inc. [AMD/ATI] Navi 10 XL Upstream Port of PCI Express Switch", "unknown"],
  ["Advanced Micro Devices, Inc. [AMD] FCH LPC Bridge", "bridge"],
  ["Advanced Micro Devices, Inc. [AMD] Starship/Matisse PCIe Dummy Host Bridge", "bridge"],
  ["Advanced Micro Devices, Inc. [AMD] Genoa/Bergamo Root Complex", "bridge"],
  ["Intel Corporation Xeon E7 v4/Xeon E5 v4/Xeon E3 v4/Xeon D DMI2", "bridge"],
  ["Intel Corporation 8th Gen Core Processor Host Bridge/DRAM Registers", "bridge"],
  ["Intel Corporation C610/X99 series chipset LPC Controller", "bridge"],
  ["Intel Corporation Device 4660", "unknown"],
  ["Intel Corporation Ponte Vecchio XT (1 Tile) [Data Center GPU Max 1550]", "gpu"],
  ["Habana Labs Ltd. HL-2000 AI Training Accelerator [Gaudi]", "accel"],
  ["Mellanox Technologies MT2910 Family [ConnectX-7]", "nic"],
  ["Mellanox Technologies MT43244 BlueField-3 integrated ConnectX-7 network controller", "nic"],
  ["Mellanox Technologies MT43244 Family [BlueField-3 SoC PCIe Bridge]", "unknown"],
  ["Intel Corporation Ethernet Controller X710 for 10GBASE-T", "nic"],
  ["Intel Corporation I210 Gigabit Network Connection", "nic"],
  ["Samsung Electronics Co Ltd NVMe SSD Controller PM174X", "nvme"],
  ["Micron Technology Inc 7450 PRO NVMe SSD", "nvme"],
  ["HighPoint Technologies, Inc. SSD7540 PCIe Gen4 x16 8-Port M.2 NVMe RAID Controller", "unknown"],
  ["Lenovo Device 781d", "unknown"],
  ["ASPEED Technology, Inc. ASPEED Graphics Family", "other"],
  ["Matrox Electronics Systems Ltd. MGA G200eH3", "other"],
])("by its name alone, %s is %s", (label, expected) => {
  const kind = knownKind(endpoint("01:00.0", { classCode: hidden, label }));
  expect(isUnknown(kind) ? "unknown" : kind).toBe(expected);
});

test.each<[name: string, vendorId: number, deviceId: number, kind: string]>([
  ["ASPEED's", 0x1a03, 0x2000, "other"],
  ["Matrox G200eH3", 0x102b, 0x0538, "other"],
  ["Matrox M9148", 0x102b, 0x0906, "gpu"],
  ["NVIDIA's", 0x10de, 0x2330, "gpu"],
])("a display controller, %s", (_name, vendorId, deviceId, kind) => {
  expect(deviceKind(endpoint("01:00.0", { classCode: 0x030000, vendorId, deviceId }))).toBe(kind);
});
