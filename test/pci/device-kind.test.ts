import { expect, test } from "vitest";
import type { Bar } from "../../src/pci/bar.ts";
import {
  deviceKind,
  hasP2pmem,
  isBridge,
  isChipsetBridgeByName,
  isKindHidden,
  isKindOfName,
  knownKind,
} from "../../src/pci/device-kind.ts";
import type { PciFunction } from "../../src/pci/function.ts";
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
  ["a large I/O BAR, which is no memory", 0x058000, [memory(GiB, { kind: "io" })], "other"],
  ["64 MiB of memory", 0x058000, [memory(GiB / 16)], "accel"],
  ["a byte less", 0x058000, [memory(GiB / 16 - 1)], "other"],
  ["a co-processor", 0x0b4000, [], "accel"],
  ["a MIPS processor", 0x0b3000, [memory(GiB)], "other"],
  ["an NVMe controller", 0x010802, [], "nvme"],
  ["a SATA controller", 0x010601, [], "other"],
  ["a NIC", 0x020000, [], "nic"],
  ["a 3D controller", 0x030200, [], "gpu"],
  ["a host bridge", 0x060000, [], "bridge"],
  ["a PCI bridge", 0x060400, [], "bridge"],
  ["a sound card with much memory", 0x040300, [memory(GiB)], "other"],
])("%s (%s)", (_name, classCode, bars, kind) => {
  expect(deviceKind(endpoint("01:00.0", { classCode, bars }))).toBe(kind);
});

test.each<[label: string, kind: string]>([
  ["NVIDIA Corporation GH100 [H100 SXM5 80GB]", "gpu"],
  ["NVIDIA Corporation NV44 [GeForce 6200]", "gpu"],
  ["NVIDIA Corporation G98 [GeForce 8400 GS]", "gpu"],
  ["NVIDIA Corporation TU104GL [Tesla T4]", "gpu"],
  ["NVIDIA Corporation AD102GL [L40S]", "gpu"],
  ["NVIDIA Corporation MCP79 Co-processor", "unknown"],
  ["Riser for NVIDIA Corporation GH100", "unknown"],
  ["NVIDIA Corporation AD102 High Definition Audio Controller", "unknown"],
  ["NVIDIA Corporation GH100 [H100 NVSwitch]", "unknown"],
  ["NVIDIA Corporation TU104 USB 3.1 Host Controller", "unknown"],
  ["Advanced Micro Devices, Inc. [AMD/ATI] Aldebaran/MI200 [Instinct MI250X/MI250]", "gpu"],
  ["Advanced Micro Devices, Inc. [AMD/ATI] Aqua Vanjaram [Instinct MI300X]", "accel"],
  ["Advanced Micro Devices, Inc. [AMD/ATI] Navi 31", "gpu"],
  ["Advanced Micro Devices, Inc. [AMD/ATI] Vega 20", "gpu"],
  ["Advanced Micro Devices, Inc. [AMD/ATI] FirePro W9100", "gpu"],
  ["Riser for Advanced Micro Devices Radeon", "unknown"],
  ["Advanced Micro Devices, Inc. [AMD/ATI] Navi 10 XL Upstream Port of PCI Express Switch", "unknown"],
  ["Advanced Micro Devices, Inc. [AMD] FCH LPC Bridge", "bridge"],
  ["Advanced Micro Devices, Inc. [AMD] Starship/Matisse PCIe Dummy Host Bridge", "bridge"],
  ["Advanced Micro Devices, Inc. [AMD] Genoa/Bergamo Root Complex", "bridge"],
  ["Intel Corporation Core Processor DMI", "bridge"],
  ["Intel Corporation Xeon E7 v4/Xeon E5 v4/Xeon E3 v4/Xeon D DMI2", "bridge"],
  ["Intel Corporation 8th Gen Core Processor Host Bridge/DRAM Registers", "bridge"],
  ["Intel Corporation C610/X99 series chipset LPC Controller", "bridge"],
  ["Intel Corporation Device 4660", "unknown"],
  ["Intel Corporation Ponte Vecchio XT (1 Tile) [Data Center GPU Max 1550]", "gpu"],
  ["Intel Corporation DG2 [Arc A770]", "gpu"],
  ["Intel Corporation UHD Graphics 770", "gpu"],
  ["Riser for Intel Corporation Graphics", "unknown"],
  ["Habana Labs Ltd.", "accel"],
  ["Riser for Habana Labs", "unknown"],
  ["Habana Labs Ltd. HL-2000 AI Training Accelerator [Gaudi]", "accel"],
  ["Mellanox Technologies MT2910 Family [ConnectX-7]", "nic"],
  ["Mellanox Technologies MT43244 BlueField-3 integrated ConnectX-7 network controller", "nic"],
  ["Mellanox Technologies MT43244 Family [BlueField-3 SoC PCIe Bridge]", "unknown"],
  ["Intel Corporation Ethernet Controller X710 for 10GBASE-T", "nic"],
  ["Intel Corporation I210 Gigabit Network Connection", "nic"],
  ["Chelsio Communications Inc T62100 100GbE", "nic"],
  ["Chelsio Communications Inc T520 10 GbE", "nic"],
  ["Riser for GbE cards", "unknown"],
  ["Samsung Electronics Co Ltd NVMe SSD Controller PM174X", "nvme"],
  ["Micron Technology Inc 7450 PRO NVMe SSD", "nvme"],
  ["HighPoint Technologies, Inc. SSD7540 PCIe Gen4 x16 8-Port M.2 NVMe RAID Controller", "unknown"],
  ["Lenovo Device 781d", "unknown"],
  ["ASPEED Technology, Inc. ASPEED Graphics Family", "other"],
  ["Matrox Electronics Systems Ltd. MGA G200eH3", "other"],
  ["Riser for ASPEED Graphics", "unknown"],
  ["Riser for Matrox G200", "unknown"],
])("by its name alone, %s is %s", (label, expected) => {
  const kind = knownKind(endpoint("01:00.0", { classCode: hidden, label }));
  expect(isUnknown(kind) ? "unknown" : kind).toBe(expected);
});

test("a bridge is of no kind by its name", () => {
  const label = "NVIDIA Corporation GH100 [H100 SXM5 80GB]";
  expect(knownKind(endpoint("01:00.0", { classCode: hidden, label, headerType: 1 }))).toBe(hidden);
});

test.each<[label: string | null, vendorId: PciFunction["vendorId"], deviceId: PciFunction["deviceId"], kind: string]>([
  ["ASPEED Technology, Inc. ASPEED Graphics Family", hidden, hidden, "other"],
  ["Matrox Electronics Systems Ltd. MGA G200eH3", 0x102b, hidden, "other"],
  ["Matrox Electronics Systems Ltd. MGA G200eH3", hidden, 0x0538, "other"],
  ["Matrox Electronics Systems Ltd. M9148", 0x102b, hidden, "gpu"],
  ["NVIDIA Corporation GH100 [H100 SXM5 80GB]", hidden, hidden, "gpu"],
  [null, hidden, hidden, "gpu"],
])("a display controller of the name %s, some of whose ids are hidden", (label, vendorId, deviceId, kind) => {
  expect(deviceKind(endpoint("01:00.0", { classCode: 0x030000, label, vendorId, deviceId }))).toBe(kind);
});

test("what else a BMC has is what its class says", () => {
  const bridge = endpoint("01:00.0", { classCode: 0x060400, vendorId: 0x1a03, deviceId: 0x1150, headerType: 1 });
  expect(deviceKind(bridge)).toBe("bridge");
});

test.each<[name: string, parts: Partial<PciFunction>, kind: string, isHidden: boolean, isOfName: boolean]>([
  ["a class", { classCode: 0x030000 }, "gpu", false, false],
  ["a class and a name", { classCode: 0x020000, label: "NVMe SSD" }, "nic", false, false],
  ["a name alone", { classCode: hidden, label: "NVMe SSD" }, "nvme", false, true],
  ["a name that tells nothing", { classCode: hidden, label: "Lenovo Device 781d" }, "other", true, false],
  ["no name", { classCode: hidden, label: null }, "other", true, false],
  ["a bridge's header and no more", { classCode: hidden, label: null, headerType: 1 }, "other", false, false],
  ["a host bridge's name", { classCode: hidden, label: "Intel Host bridge" }, "bridge", false, true],
])("the kind by %s", (_name, parts, kind, isHidden, isOfName) => {
  const fn = endpoint("01:00.0", parts);
  expect([deviceKind(fn), isKindHidden(fn), isKindOfName(fn)]).toEqual([kind, isHidden, isOfName]);
});

test("a name counts only where the class is hidden", () => {
  const label = "Intel Corporation Host bridge";
  expect(isChipsetBridgeByName(endpoint("01:00.0", { classCode: hidden, label }))).toBe(true);
  expect(isChipsetBridgeByName(endpoint("01:00.0", { classCode: 0x020000, label }))).toBe(false);
  expect(isChipsetBridgeByName(endpoint("01:00.0", { classCode: hidden, label: null }))).toBe(false);
});

test.each<[name: string, parts: Partial<PciFunction>, expected: boolean]>([
  ["an endpoint's header", { headerType: 0, classCode: 0x060400 }, false],
  ["a bridge's header", { headerType: 1, classCode: 0x010802 }, true],
  ["a CardBus bridge's header", { headerType: 2 }, true],
  ["no bus numbers", { headerType: hidden, bridge: null, classCode: 0x060400 }, false],
  [
    "bus numbers",
    { headerType: hidden, bridge: { primary: 0, secondary: 1, subordinate: 1, windows: [] }, classCode: 0x010802 },
    true,
  ],
  ["the class of a PCI bridge", { headerType: hidden, bridge: hidden, classCode: 0x060400 }, true],
  ["the class of another bridge", { headerType: hidden, bridge: hidden, classCode: 0x060100 }, false],
  ["the class of a drive", { headerType: hidden, bridge: hidden, classCode: 0x010802 }, false],
  ["nothing", { headerType: hidden, bridge: hidden, classCode: hidden }, false],
])("a bridge or none by %s", (_name, parts, expected) => {
  expect(isBridge(endpoint("01:00.0", parts))).toBe(expected);
});

test.each<[p2pmem: PciFunction["p2pmem"], expected: boolean]>([
  [{ sizeBytes: 4096, availableBytes: hidden, published: hidden }, true],
  [null, false],
  [hidden, false],
])("peer memory %j is registered: %s", (p2pmem, expected) => {
  expect(hasP2pmem(endpoint("01:00.0", { p2pmem }))).toBe(expected);
});

test.each<[name: string, vendorId: number, deviceId: number, kind: string]>([
  ["ASPEED's", 0x1a03, 0x2000, "other"],
  ["ASPEED's of the lowest id", 0x1a03, 0, "other"],
  ["ASPEED's of the highest id", 0x1a03, 0xffff, "other"],
  ["before the first G200", 0x102b, 0x051f, "gpu"],
  ["the first G200", 0x102b, 0x0520, "other"],
  ["Matrox G200eH3", 0x102b, 0x0538, "other"],
  ["the last G200", 0x102b, 0x053f, "other"],
  ["behind the last G200", 0x102b, 0x0540, "gpu"],
  ["Matrox M9148", 0x102b, 0x0906, "gpu"],
  ["NVIDIA's", 0x10de, 0x2330, "gpu"],
])("a display controller, %s", (_name, vendorId, deviceId, kind) => {
  expect(deviceKind(endpoint("01:00.0", { classCode: 0x030000, vendorId, deviceId }))).toBe(kind);
});
